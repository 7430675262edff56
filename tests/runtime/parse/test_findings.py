from pathlib import Path

from taskwire.parsing import Finding
from tests.support.airflow_runtime import AirflowRuntime, write


def findings(runtime: AirflowRuntime, bundle: Path, text: str) -> list[Finding]:
    told = runtime.parse_text(bundle=bundle, text=text)
    assert told.failures == []
    return told.findings


def test_a_deprecated_import_has_line_and_modern_spelling(runtime: AirflowRuntime, tmp_path: Path) -> None:
    (found,) = findings(runtime, tmp_path, "import os\nfrom airflow.operators.bash import BashOperator\n")
    assert (found.code, found.path, found.line) == ("AERO-WARN-DeprecatedImportWarning", "dags/file.py", 2)
    assert found.hint == "from airflow.providers.standard.operators.bash import BashOperator"


def test_a_warning_of_the_authors_own_helper_is_at_the_helper(
    runtime: AirflowRuntime, tmp_path: Path
) -> None:
    write(tmp_path, {"dags/helper.py": "import warnings\n\nwarnings.warn('old', DeprecationWarning)\n"})
    (found,) = findings(runtime, tmp_path, "import helper\n")
    assert (found.code, found.path, found.line) == ("AERO-WARN-DeprecationWarning", "dags/helper.py", 3)


def test_a_warning_the_file_silences_stays_silent(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "import warnings\nwarnings.filterwarnings('ignore')\nwarnings.warn('old', DeprecationWarning)\n"
    assert findings(runtime, tmp_path, text) == []


def test_warnings_between_libraries_are_not_the_authors(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "import warnings\nwarnings.warn_explicit('inner', DeprecationWarning, '/usr/lib/other.py', 1)\n"
    assert findings(runtime, tmp_path, text) == []


def test_a_clean_file_has_none(runtime: AirflowRuntime, tmp_path: Path) -> None:
    assert findings(runtime, tmp_path, "from airflow.sdk import DAG\nDAG('d', schedule='@daily')\n") == []
