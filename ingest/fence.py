"""The fence around a process that parses what others made: what it may touch, and how much of the machine it may use.

A parser of PDF, JPEG or TIFF that a hostile file takes over can do what its process can. So that process may read the
programs and the one file that it is there for, write in one folder of its own, and nothing else: by Landlock (files,
signals), seccomp (network, other programs, other processes), resource limits, and an environment without secrets. What
a kernel or container does not have is left out, and ``sohoa doctor`` says so.
"""

import errno
import math
import os
import resource
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from threading import Lock

import landlockpy
from landlockpy import AccessFS, Ruleset, Scope

try:
    import pyseccomp as seccomp
except RuntimeError:  # libseccomp is not installed
    seccomp = None

GIB = 1 << 30
ADDRESS_SPACE_BYTES = 4 * GIB
"""Of one process. The largest page taken, 200 million pixels, has 600 MB in colour, and is held three times over."""
PROCESSES_MORE = 256
"""How many processes and threads may come to be while a fenced one works, its own and others': fork bombs end here."""
PASSED_ON = ("PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "SOHOA_LANG", "OMP_THREAD_LIMIT",
             "OPENBLAS_NUM_THREADS", "TESSDATA_PREFIX", "TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
             "PYTHONUTF8", "LD_LIBRARY_PATH")  # fmt: skip
"""What of the environment a fenced process is given: passwords and addresses may stand in all else."""

_READ = AccessFS.READ_FILE | AccessFS.READ_DIR
_ALL = ~AccessFS.NONE & ~(AccessFS.MAKE_CHAR | AccessFS.MAKE_BLOCK | AccessFS.MAKE_SOCK | AccessFS.MAKE_FIFO
                          | AccessFS.EXECUTE | AccessFS.IOCTL_DEV)  # fmt: skip
_TOP = Path(__file__).resolve().parent.parent
_SYSTEM = (
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share", "/usr/local/lib", "/usr/local/share", "/lib", "/lib64",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/fonts", "/etc/localtime", "/var/cache/fontconfig",
    "/dev/null", "/dev/urandom", "/dev/random", "/dev/zero", "/proc/self", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/sys/fs/cgroup",
)  # fmt: skip
_OURS = ("ingest", "schemas", "archive", "locale")


def _python_folders() -> set[Path]:
    stated = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    stated.add(site.getusersitepackages())
    return {Path(folder) for folder in stated if Path(folder) not in (Path("/"), Path("/usr"), _TOP)}


_PROGRAM = tuple({*map(Path, _SYSTEM), *_python_folders(), *(_TOP / name for name in _OURS)})
"""What every fenced process may read; found once, before it is forked."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What one process may do beyond computing."""

    reads: tuple[Path, ...] = ()
    """Files, and folders with all below them, besides the programs themselves."""
    writes: Path | None = None
    """The one folder that it may write in."""
    programs: tuple[Path, ...] = ()
    """The programs that it may run; they stand within the same fence."""
    address_space_bytes: int = ADDRESS_SPACE_BYTES
    file_bytes: int = 0
    """How long a file may grow that it writes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Which parts of a fence this kernel keeps."""

    files: bool
    """Landlock: no file but those that are allowed."""
    calls: bool
    """seccomp: no network, no other program, no touching of other processes."""


def close_in(fence: Fence) -> Kept:
    """Put this process within *fence*, for good. To be called before it has a second thread, and before it has read
    anything that others made."""
    os.umask(0o077)
    _clear_environment(fence.writes)
    _limit(fence)
    return Kept(_keep_from_files(fence), _keep_from_calls(alone=not fence.programs))


def make_ready() -> None:
    """Find the C library for Landlock, which asks ``ldconfig``: once, for all processes forked from this one."""
    landlockpy.supported()


def limit_cpu(seconds: float) -> None:
    """Let this process compute for so many seconds more; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


_starting = Lock()


def start_server() -> None:
    """Start the process that fenced ones are forked from, if it does not run yet, with nothing of our environment but
    what is passed on: it is there to be read in ``/proc`` even after a process has dropped it."""
    with _starting, _environment_passed_on():
        forkserver.ensure_running()


@contextmanager
def _environment_passed_on() -> Iterator[None]:
    before = dict(os.environ)
    for name in before.keys() - set(PASSED_ON):
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(before)


def _clear_environment(folder: Path | None) -> None:
    for name in os.environ.keys() - set(PASSED_ON):
        del os.environ[name]
    if folder is not None:
        os.environ["TMPDIR"] = os.environ["HOME"] = str(folder)


def _limit(fence: Fence) -> None:
    processes = int(Path("/proc/loadavg").read_text().split()[3].split("/")[1]) + PROCESSES_MORE
    for kind, most in (
        (resource.RLIMIT_AS, fence.address_space_bytes),
        (resource.RLIMIT_FSIZE, fence.file_bytes),
        (resource.RLIMIT_CORE, 0),  # a core dump would hold the paper
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_NOFILE, 256),
    ):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def _keep_from_files(fence: Fence) -> bool:
    if not landlockpy.supported():
        return False
    with Ruleset(scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET) as ruleset:
        for folder in (*_PROGRAM, *fence.reads):
            _allow(ruleset, folder, _READ)
        _allow(ruleset, Path("/dev/null"), AccessFS.READ_FILE | AccessFS.WRITE_FILE)
        for program in (*fence.programs, *(_loaders() if fence.programs else ())):
            _allow(ruleset, program, AccessFS.READ_FILE | AccessFS.EXECUTE)
        if fence.writes is not None:
            _allow(ruleset, fence.writes, _ALL)
        ruleset.restrict()
    return True


def _loaders() -> Iterator[Path]:
    """What the kernel starts to load a program's libraries."""
    for folder in ("/lib", "/lib64"):
        yield from Path(folder).glob("ld-*.so*")


def _allow(ruleset: Ruleset, path: Path, access: AccessFS) -> None:
    with suppress(OSError):  # not there: then it is not needed either
        if not path.is_dir():
            access &= (AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.TRUNCATE | AccessFS.EXECUTE
                       | AccessFS.IOCTL_DEV)  # fmt: skip
        ruleset.allow_path(path, access)


_NEVER = (
    # the network, and what opens sockets or files without asking by itself
    "socket connect bind listen accept accept4 io_uring_setup io_uring_enter io_uring_register "
    # what Landlock does not guard: owner, mode, times and attributes of files that others may reach
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr "
    "lremovexattr fremovexattr utime utimes utimensat futimesat mknod mknodat open_by_handle_at "
    # other processes
    "ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal kcmp "
    # the machine
    "mount umount2 pivot_root chroot setns unshare mount_setattr move_mount open_tree fsopen bpf perf_event_open "
    "userfaultfd keyctl add_key request_key init_module finit_module delete_module kexec_load kexec_file_load "
    "reboot swapon swapoff settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname quotactl "
    "acct iopl ioperm setuid setgid setreuid setregid setresuid setresgid setgroups capset "
)
_NEVER_ALONE = "execve execveat fork vfork tkill"
CLONE_THREAD = 0x00010000


def _keep_from_calls(*, alone: bool) -> bool:
    """seccomp: *alone* where no other program is run."""
    if seccomp is None:
        return False
    refused = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in (_NEVER + _NEVER_ALONE if alone else _NEVER).split():
        with suppress(OSError):  # a call that this processor or libseccomp does not know
            rules.add_rule(refused, name)
    rules.add_rule(refused, "prlimit64", seccomp.Arg(0, seccomp.NE, 0))
    if alone:
        for name in ("kill", "tgkill"):
            rules.add_rule(refused, name, seccomp.Arg(0, seccomp.NE, os.getpid()))
        rules.add_rule(refused, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, 0))
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # glibc then asks by clone, whose flags can be seen
    try:
        rules.load()
    except OSError:  # a container's own filter may forbid it
        return False
    return True
