"""The three families of errors. Each message says which document or page, what happened and what to do."""


class SohoaError(Exception):
    """Base of every error that sohoa raises on purpose; its text is meant for the person at the terminal."""


class InputRejected(SohoaError):
    """The input cannot be taken as it is; trying again without changing it is useless."""


class ServiceUnavailable(SohoaError):
    """A service, device or resource is not there now; trying again later can work."""


class IntegrityBroken(SohoaError):
    """Stored material is not what was deposited; work on it stops."""


class SettingsRejected(SohoaError):
    """The settings or the command's arguments are wrong; the message names the setting and its remedy."""
