# make demo   the main job on drawn sample scans (SCANS=FOLDER: on your own)
# make test   linters, types and tests

.PHONY: demo test messages audit-deps sbom

demo:
	@setup/install run
	@.venv/bin/sohoa demo $(if $(SCANS),--scans "$(SCANS)")

test:
	@setup/install test
	@nice .venv/bin/python -m tests.services.s3 >/dev/null 2>&1 & # the tests' S3 server, by the core that mypy leaves idle
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest -n auto --dist loadfile

messages: ## take new messages into the catalogue of translations
	@mkdir -p build
	.venv/bin/pybabel -q extract -F setup/babel.cfg --no-location --sort-output -o build/sohoa.pot .
	.venv/bin/pybabel -q update --no-fuzzy-matching --ignore-obsolete -i build/sohoa.pot -d locale -D sohoa -l vi

audit-deps: ## known faults of the locked packages; asks pypi.org, so it needs the network
	@setup/audit-deps

sbom: ## what the program is made of, as CycloneDX: build/sbom.cdx.json
	@setup/sbom build/sbom.cdx.json
