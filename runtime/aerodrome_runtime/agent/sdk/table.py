"""Message type -> handler. A type that is missing here is answered as Airflow's supervisor answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aerodrome_runtime.agent.mail import MailRefused, MailRelay
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.sdk import assets, dag_runs, mail, secrets, stores, task_instances, xcoms
from aerodrome_runtime.agent.sdk.answers import Body, api_error
from aerodrome_runtime.agent.sdk.client import ApiRefused, ApiUnreachable, ExecutionClient


@dataclass(frozen=True)
class Asking:
    """Who asks: what a handler may use besides the message."""

    ti_id: str
    client: ExecutionClient
    mask: Mask
    relay: MailRelay | None = None
    mails: list[str] = field(default_factory=list)
    """Whom the attempt's mails were from: how many it has sent."""
    tell: Callable[[str], None] = lambda text: None
    """Writes an error into the log that people read."""


Handler = Callable[[Any, dict[str, Any]], Awaitable[Body]]

HANDLERS: dict[str, Handler] = {
    "GetConnection": secrets.get_connection,
    "GetVariable": secrets.get_variable,
    "GetVariableKeys": secrets.get_variable_keys,
    "PutVariable": secrets.put_variable,
    "DeleteVariable": secrets.delete_variable,
    "MaskSecret": secrets.mask_secret,
    "AerodromeSendMail": mail.send,
    "GetXCom": xcoms.get_xcom,
    "GetXComCount": xcoms.get_count,
    "GetXComSequenceItem": xcoms.get_item,
    "GetXComSequenceSlice": xcoms.get_slice,
    "DeleteXCom": xcoms.delete,
    "GetAssetByName": assets.get_by_name,
    "GetAssetByUri": assets.get_by_uri,
    "GetAssetsByAlias": assets.get_by_alias,
    "GetAssetEventByAsset": assets.get_events,
    "GetAssetEventByAssetAlias": assets.get_alias_events,
    "ValidateInletsAndOutlets": assets.validate_inlets_and_outlets,
    "TriggerDagRun": dag_runs.trigger,
    "GetDagRun": dag_runs.get_detail,
    "GetDagRunState": dag_runs.get_state,
    "GetDRCount": dag_runs.get_count,
    "GetPreviousDagRun": dag_runs.get_previous,
    "GetPrevSuccessfulDagRun": dag_runs.get_previous_successful,
    "GetDag": dag_runs.get_dag,
    "GetTICount": task_instances.get_count,
    "GetTaskStates": task_instances.get_states,
    "GetPreviousTI": task_instances.get_previous,
    "GetTaskBreadcrumbs": task_instances.get_breadcrumbs,
    "GetTaskRescheduleStartDate": task_instances.get_reschedule_start,
    "CreateHITLDetailPayload": task_instances.create_hitl_detail,
    "GetTaskStateStore": stores.get_task_value,
    "SetTaskStateStore": stores.set_task_value,
    "DeleteTaskStateStore": stores.delete_task_value,
    "ClearTaskStateStore": stores.clear_task,
    "GetAssetStateStoreByName": stores.get_asset_value,
    "GetAssetStateStoreByUri": stores.get_asset_value,
    "SetAssetStateStoreByName": stores.set_asset_value,
    "SetAssetStateStoreByUri": stores.set_asset_value,
    "DeleteAssetStateStoreByName": stores.delete_asset_value,
    "DeleteAssetStateStoreByUri": stores.delete_asset_value,
    "ClearAssetStateStoreByName": stores.clear_asset,
    "ClearAssetStateStoreByUri": stores.clear_asset,
    "SetXCom": xcoms.set_xcom,  # unless it is written behind
}

OURS = frozenset({"AerodromeSendMail"})
"""Messages that Airflow's supervisor does not know."""

OF_TRIGGERS: dict[str, Handler] = {
    **HANDLERS,
    "GetHITLDetailResponse": task_instances.get_hitl_response,
    "UpdateHITLDetail": task_instances.update_hitl,
}
"""What triggers ask: nothing of theirs is written behind."""


async def answer_trigger(asking: Asking, message: dict[str, Any]) -> tuple[Body, dict[str, Any] | None]:
    """As `answer`, for a message of Airflow's trigger runner."""
    return await answer(asking, message, handlers=OF_TRIGGERS)


async def answer(
    asking: Asking, message: dict[str, Any], *, handlers: dict[str, Handler] = HANDLERS
) -> tuple[Body, dict[str, Any] | None]:
    """Answer one message as `WatchedSubprocess.handle_requests` does: (body, error) of the response frame."""
    handler = handlers.get(message.get("type", ""))
    if handler is None:
        unhandled = {"status_code": 400, "message": "Unhandled request"}
        return None, {"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": unhandled}
    try:
        return await handler(asking, message), None
    except ApiRefused as error:
        return None, api_error(status=error.status, message=error.message, detail=error.detail)
    except ApiUnreachable as error:
        return None, api_error(status=None, message=str(error), kind="ConnectError")
    except MailRefused as error:
        return None, api_error(status=None, message=f"no mail was sent: {error}", kind="MailRefused")
    except (KeyError, TypeError, ValueError) as error:
        # A message that is not the SDK's: the task is told, the agent lives on.
        return None, api_error(status=None, message=f"malformed message: {error}", kind=type(error).__name__)
