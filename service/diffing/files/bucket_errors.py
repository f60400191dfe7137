"""Why a bucket refuses or fails: what its errors say besides their kind, and what to do."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

CHECK_CREDENTIALS = (
    "Check the credentials in the environment, such as AWS_PROFILE, AWS_ACCESS_KEY_ID or "
    "GOOGLE_APPLICATION_CREDENTIALS, and what they permit."
)
_CLOCK = "The clock of this machine differs from that of the bucket by {minutes} minutes. Set it."
_REGION = "Set AWS_DEFAULT_REGION to the region of the bucket."
_EXPIRED = "The credentials have expired. Renew them."
_UNKNOWN_CALLER = 401
# by the codes of S3; HEAD gives the status alone
_ADVICE = {
    "ExpiredToken": _EXPIRED,
    "InvalidObjectState": "It is archived. Restore it first.",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "400": "Check whether the credentials have expired, and AWS_DEFAULT_REGION.",
}
_MOST_SECONDS = 300.0


def is_denied(error: Exception) -> bool:
    """Whether a store denies access, or the environment has no credentials for it."""
    return (
        isinstance(error, PermissionError)
        or "Credential" in type(error).__name__
        # gcsfs has a text for the one, and a code for the other
        or str(error).startswith("Forbidden: ")
        or getattr(error, "code", None) == _UNKNOWN_CALLER
    )


def reason_of(error: Exception) -> str:
    """The code of a store, or the kind of the error. The text of an error may contain secrets."""
    kind = type(error).__name__
    code = _code_of(error) or str(getattr(error, "code", ""))
    if kind == "OtherBytes":
        return "it sent other bytes than it was asked for"
    return f"HTTP status {code}" if code.isdecimal() else code or kind


def advice_for(error: Exception, otherwise: str) -> str:
    """A sentence that says what to do.

    Args:
        error: of a store.
        otherwise: the sentence if the error does not say why.
    """
    if is_denied(error) and abs(ahead := _seconds_ahead(error)) > _MOST_SECONDS:
        return _CLOCK.format(minutes=f"{abs(ahead) / 60:.0f}")
    return _ADVICE.get(_code_of(error), CHECK_CREDENTIALS if is_denied(error) else otherwise)


def _answer_of(error: Exception) -> dict[str, Any]:
    """The answer of S3 that an error of s3fs, or its cause, has."""
    found = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return found if isinstance(found, dict) else {}


def _code_of(error: Exception) -> str:
    return str(_answer_of(error).get("Error", {}).get("Code", ""))


def _seconds_ahead(error: Exception) -> float:
    """How far the clock of this machine is ahead of that of the bucket; 0 if that is not known."""
    headers = _answer_of(error).get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        there = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - there).total_seconds() if there.tzinfo else 0.0
