"""The OpenAPI document says what the API does, and the API does what it says."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route

from diffing import __version__
from diffing.api.app import make_app
from diffing.api.openapi import DOCS, load_document
from diffing.core.catalogue import load_catalogue
from diffing.core.comparison import Comparison
from diffing.core.errors import DiffingError
from diffing.core.option_texts import LISTS
from diffing.core.settings import Settings
from diffing.engine.summary import Summary
from diffing.store.api_keys import ApiKeys
from diffing.store.job import Status
from diffing.store.scopes import Scope
from tests.conftest import ROOT
from tests.service_under_test import Client, Service

DOCUMENT = load_document()
SCHEMAS = DOCUMENT["components"]["schemas"]


def every(value: Any, name: str, where: str = "#") -> Iterator[tuple[str, Any]]:
    """Each member of that name in the document, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield where, inner
            yield from every(inner, name, f"{where}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from every(inner, name, f"{where}/{number}")


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """The target of a reference, or the value itself."""
    if "$ref" not in value:
        return value
    found: Any = DOCUMENT
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def validator_of(schema: dict[str, Any]) -> Any:
    """Checks values against a schema of the document."""
    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, validate_formats=True
    )


def media_with_examples() -> list[tuple[str, dict[str, Any], Any]]:
    """Each example of a JSON body, with its place and its schema."""
    return [
        (f"{where}/{kind}/{name}", media["schema"], resolved(example)["value"])
        for where, content in every(DOCUMENT, "content")
        for kind, media in content.items()
        for name, example in media.get("examples", {}).items()
    ]


def test_routes_and_document_name_the_same_operations(tmp_path: Path) -> None:
    app = make_app(Settings(data_dir=tmp_path), load_catalogue(None))
    routes = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route) and route.include_in_schema
        for method in route.methods or ()
        # HEAD comes with GET, and a slash at the end makes no other operation
        if method != "HEAD" and not route.path.endswith("/")
    }

    documented = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
    }
    assert documented == routes


def test_every_reference_leads_somewhere_and_nothing_is_left_unused() -> None:
    references = {reference for _, reference in every(DOCUMENT, "$ref")}
    there = {
        f"#/components/{kind}/{name}"
        for kind, members in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in members
    }

    assert there == references


def test_each_operation_has_an_id_of_its_own() -> None:
    ids = [
        inner for where, inner in every(DOCUMENT["paths"], "operationId") if "links" not in where
    ]

    assert len(ids) == len(set(ids)) == sum(len(path) for path in DOCUMENT["paths"].values())


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    jsonschema_rs.meta.validate(SCHEMAS[name])


@pytest.mark.parametrize(("where", "schema", "value"), media_with_examples())
def test_each_example_is_as_its_schema_says(where: str, schema: dict[str, Any], value: Any) -> None:
    assert [] == [error.message for error in validator_of(schema).iter_errors(value)], where


def test_the_problems_shown_have_the_names_of_our_errors() -> None:
    kinds = [DiffingError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    titles = {f"urn:diffing:{kind.slug()}": kind.title for kind in kinds}
    shown = [
        value
        for _, _, value in media_with_examples()
        for value in (value, value.get("error") if isinstance(value, dict) else None)
        if isinstance(value, dict) and str(value.get("type", "")).startswith("urn:")
    ]

    assert len(shown) >= 15
    assert [] == [v for v in shown if titles.get(v["type"]) != v["title"]]


def test_the_states_are_those_of_a_job() -> None:
    assert [status.value for status in Status] == SCHEMAS["Status"]["enum"]


def test_the_summary_is_that_of_a_diff() -> None:
    fields = Summary.model_json_schema(mode="serialization")["properties"]

    assert set(fields) == set(SCHEMAS["Summary"]["properties"])
    assert sorted(fields) == sorted(SCHEMAS["Summary"]["required"])


def test_the_document_bears_the_version_of_the_release(client: Client) -> None:
    served = client.get("/openapi.json")

    assert "application/json" == served.headers["content-type"]
    assert DOCUMENT["paths"] == served.json()["paths"]
    assert __version__ == served.json()["info"]["version"]


def test_without_api_keys_the_document_asks_for_none(client: Client) -> None:
    served = client.get("/openapi.json").json()

    assert "security" not in served
    assert "securitySchemes" not in served["components"]


def test_the_page_of_the_api_needs_no_other_host(client: Client) -> None:
    page = client.get("/docs")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert 200 == page.status_code
    assert len(links) >= 4
    for link in links:
        assert link.startswith("/")
        assert 200 == client.get(link).status_code
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert 404 == client.get("/docs/index.html").status_code


def test_swagger_ui_is_the_release_that_its_source_names() -> None:
    folder = DOCS / "swagger-ui"
    source = tomllib.loads((folder / "SOURCE.toml").read_text(encoding="utf-8"))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "SOURCE.toml"
    }

    assert source["sha256"] == found
    assert source["version"].encode() in (folder / "swagger-ui-bundle.js").read_bytes()


@pytest.mark.parametrize("name", ["OneOffUpload", "OneOffDiff"])
def test_the_tolerances_of_a_one_off_diff_are_those_of_a_comparison(name: str) -> None:
    usual = {
        field: schema["default"]
        for field, schema in SCHEMAS[name]["properties"].items()
        if "default" in schema
    }

    # no number is the default of rel_tol
    assert Comparison.model_fields["rel_tol"].default is None
    defaults = Comparison.of(key=["id"]).model_dump(mode="json")
    assert {"abs_tol", "trim", "nocase", "duplicates", "first", "additive", "totals"} <= set(usual)
    assert usual == {field: defaults[field] for field in usual}


def test_a_form_has_a_field_for_each_column() -> None:
    form = DOCUMENT["paths"]["/api/diffing/new"]["post"]["requestBody"]["content"][
        "multipart/form-data"
    ]

    assert dict.fromkeys((*LISTS, "rename"), True) == {
        name: encoding["explode"] for name, encoding in form["encoding"].items()
    }


def test_the_answers_to_the_examples_are_as_the_document_says(client: Client) -> None:
    job_id = client.new_job()
    client.wait_for_success(job_id)

    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            url = re.sub(r"\{metric_id\}", "revenue", path).replace("{job_id}", str(job_id))
            answer = client.request(method, url)
            described = resolved(operation["responses"][str(answer.status_code)])
            kind = answer.headers["content-type"].partition(";")[0]
            schema = described["content"][kind]["schema"]
            if kind.endswith("json"):
                assert validator_of(schema).is_valid(answer.json()), (path, answer.text)


def test_where_keys_are_asked_for_the_document_says_so(service: Service) -> None:
    ApiKeys(service.database()).create("anyone", {Scope.READ})

    assert [{"apiKey": []}] == service.api(api_keys="on").get("/openapi.json").json()["security"]


@pytest.mark.slow
def test_the_service_does_what_the_document_says_whatever_schemathesis_sends(
    service: Service, tmp_path: Path
) -> None:
    service.write_small_pair()
    _, token = ApiKeys(service.database()).create("schemathesis", set(Scope))
    client, _ = service.api_and_worker(api_keys="on")

    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
            "run",
            str(client.base_url.join("/openapi.json")),
            f"--header=Authorization: Bearer {token}",
            "--no-color",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
    )

    assert 0 == done.returncode, done.stdout[-8000:]
