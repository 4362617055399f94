"""Predictions of a file of measurements held against it: what they need is looked up, what is wrong is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dse.calibrations import calibration_of
from dse.catalogs import parsed_config
from dse.errors import StudyError, listed
from dse.told import MOST_ROWS, Told
from dse.yaml_loader import read_text
from results.labels import counted
from roofline import catalog
from roofline.accelerators import Accelerator, find
from roofline.huggingface import model_from_config
from roofline.model import Model
from sweeps.accuracy import Prediction
from sweeps.comparison import Comparison, compare
from sweeps.measurements import Measurement, Measurements, parse_measurements, read_measurements
from sweeps.observations import OPERATOR_GROUP_KEYS, observations, operator_observations
from sweeps.operator_measurements import OperatorMeasurement, OperatorMeasurements, parse_operators, read_operators
from sweeps.typed_csv import MeasurementError

MOST_BYTES = 2**26
UNKNOWN_CLASS = "unknown"
MEASURED_TIME = "energy_measured_time"
"""Total of the energies whose run's time was published, predicted from that time."""

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FindAccelerator = Callable[[str], Accelerator]
Table = TypeVar("Table", Measurements, OperatorMeasurements)


@dataclass(frozen=True)
class Validation(Told):
    """Predictions of a file of measurements, held against it.

    Attributes
    ----------
    name : str
        Of the file.
    rows : tuple of Measurement or OperatorMeasurement
    comparison : Comparison
        Row by row, in total and by group.
    classes : mapping
        Class of device by the name the rows give it.
    of_operators : bool
        Whether the rows are single operators.
    why : mapping
        What explains that a measurement beats the bound, by the id of each row that does.
    notes : tuple of str
        What the user may want to know about the files given, such as columns that were ignored.
    """

    name: str
    rows: tuple[Measurement | OperatorMeasurement, ...]
    comparison: Comparison
    classes: Mapping[str, str]
    of_operators: bool
    why: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What the command prints."""
        from dse.report.validation import validation_text

        return validation_text(self, "table", MOST_ROWS)

    def plot(self) -> Figure:
        """Return predicted against measured, a panel per phase; a notebook shows it."""
        from dse.report.validation_picture import picture
        from results.figures import inline

        return inline(picture(self))


@dataclass
class ModelFiles:
    """Models by the name rows give them: a config.json called ``<name>.json`` in a directory first, then the catalog.

    Attributes
    ----------
    directory : Path or None
    files : dict
        The configs of the directory, by name.
    used : set of str
        Names of the configs that were asked for.
    """

    directory: Path | None = None
    files: dict[str, Path] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _found: dict[tuple[str, str], Model | str] = field(default_factory=dict)

    def __call__(self, name: str, hf_id: str = "") -> Model:
        """Return the model called `name`.

        Raises
        ------
        ValueError
            If there is none, or its config is not understood; with a message for people, for which `hf_id`, its Hugging
            Face id, is looked up in the catalog.
        """
        key = (name, hf_id)
        if key not in self._found:
            try:
                self._found[key] = self._read(name, hf_id)
            except ValueError as error:
                self._found[key] = str(error)
        found = self._found[key]
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def _read(self, name: str, hf_id: str) -> Model:
        if name in self.files:
            self.used.add(name)
            path = self.files[name]
            try:
                text = read_text(path, what="model configuration")
            except StudyError as error:
                raise ValueError(str(error)) from None
            try:
                return model_from_config(parsed_config(text, path.name), name=name)
            except ValueError as error:
                raise ValueError(f"{path.name}: {str(error).removeprefix(f'{path.name}: ')}") from None
        try:
            return catalog.model(name)
        except ValueError as error:
            same = [n for n, entry in catalog.entries().items() if hf_id and entry["hugging_face_id"] == hf_id]
            hint = f"; the catalog calls {hf_id} {same[0]}" if same else ""
            raise ValueError(f"{error}{hint}") from None


def model_files(directory: str | Path | None) -> ModelFiles:
    """Return the configs of a directory; the catalog's models without one.

    Raises
    ------
    StudyError
        If it is no directory.
    """
    if directory is None:
        return ModelFiles()
    folder = Path(directory)
    try:
        files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".json"}
    except OSError as error:
        raise StudyError(f"--models: expected a directory of <model>.json files: {error.strerror}: {folder}") from None
    return ModelFiles(folder, files)


def hardware_lookup(path: str | Path | None) -> FindAccelerator:
    """Return a function from a name or an alias to the accelerator of a user's file, or else of the catalog.

    Raises
    ------
    StudyError
        If the file is wrong.
    """
    from dse.hardware import load_accelerators

    return partial(find, extra=() if path is None else load_accelerators(path))


def validate(
    data: str | Path | None = None,
    *,
    models: str | Path | None = None,
    hardware: str | Path | None = None,
    operators: bool = False,
    calibration: str | Path | None = None,
) -> Validation:
    """Return predictions of every row of a file of measurements, held against it.

    Parameters
    ----------
    data : path, optional
        A CSV file with the columns of the shipped measurements, which are the default.
    models : path, optional
        A directory with Hugging Face configs, ``<model>.json`` for rows with this ``model``.
    hardware : path, optional
        A file with more accelerators.
    operators : bool
        Whether the rows are latencies of single operators.
    calibration : path, optional
        A file of fitted values that replace the shipped ones.

    Returns
    -------
    Validation

    Raises
    ------
    StudyError
        If a file is malformed. Rows that cannot be predicted are no error: each is listed with its reason.
    """
    known_models, chips = model_files(models), hardware_lookup(hardware)
    options: dict[str, Any] = {"accelerators": chips}
    if calibration is not None:
        options["calibration"] = calibration_of(calibration, "--calibration: ")
    if operators:
        return _of_operators(data, chips, options)
    table = parsed_file(data, parse_measurements) if data is not None else read_measurements()
    from sweeps.validate import predict_all, predict_measured_times
    from sweeps.violations import why

    classes = _classes([row.hardware for row in table.rows], chips)
    predictions = predict_all(table.rows, models=known_models, **options)
    comparison = compare(observations(table.rows, classes.__getitem__), predictions)
    timed = predict_measured_times(table.rows, models=known_models, accelerators=chips)
    explained = {
        row.id: why(row, ratio, known_models(row.model, row.hf_id), chips(row.hardware))
        for row, ratio in ((table.rows[i], comparison.measured_to_bound(i)) for i in comparison.violations)
    }
    notes = [*_ignored(table.ignored_columns), *_unused(known_models)]
    return Validation(
        name=_name(data, "measurements.csv"),
        rows=table.rows,
        comparison=_with_measured_times(comparison, timed),
        classes=classes,
        of_operators=False,
        why=explained,
        notes=tuple(notes),
    )


def _with_measured_times(comparison: Comparison, predictions: Sequence[Prediction]) -> Comparison:
    """Add a total of the energies that were predicted from measured times, after that of all energies."""
    if not predictions:
        return comparison
    ids = {prediction.id for prediction in predictions}
    seen = [replace(o, phase=MEASURED_TIME, overall="") for o in comparison.observations if o.id in ids]
    (part,) = compare(seen, predictions).totals
    after = 1 + [total.keys["phase"] for total in comparison.totals].index("energy")
    return replace(comparison, totals=(*comparison.totals[:after], part, *comparison.totals[after:]))


def _of_operators(data: str | Path | None, chips: FindAccelerator, options: Mapping[str, Any]) -> Validation:
    from sweeps.validate import predict_operators
    from sweeps.violations import why_operator

    table = parsed_file(data, parse_operators) if data is not None else read_operators()
    classes = _classes([row.hardware for row in table.rows], chips)
    predictions = predict_operators(table.rows, **options)
    seen = operator_observations(table.rows, classes.__getitem__)
    comparison = compare(seen, predictions, OPERATOR_GROUP_KEYS, "op")
    return Validation(
        name=_name(data, "operators.csv"),
        rows=table.rows,
        comparison=comparison,
        classes=classes,
        of_operators=True,
        why={
            table.rows[i].id: why_operator(table.rows[i], comparison.measured_to_bound(i))
            for i in comparison.violations
        },
        notes=tuple(_ignored(table.ignored_columns)),
    )


def parsed_file(path: str | Path, parse: Callable[[str, str], Table]) -> Table:
    """The rows of a user's file; what is wrong in it is an error of the command line."""
    text = read_text(path, what="measurement", most_bytes=MOST_BYTES)
    try:
        return parse(text, str(path))
    except MeasurementError as error:
        problems = [StudyError(message, path=str(path), line=line) for line, message in error.problems]
        raise StudyError.many(problems) from None


def _classes(names: Sequence[str], chips: FindAccelerator) -> dict[str, str]:
    """Class of device by name; one that nobody knows has the class "unknown"."""
    found = {}
    for name in dict.fromkeys(names):
        try:
            found[name] = chips(name).device_class
        except ValueError:
            found[name] = UNKNOWN_CLASS
    return found


def _ignored(columns: Sequence[str]) -> list[str]:
    names = [name or "(no name)" for name in columns]
    return [f"ignored {counted(len(names), 'column')} of another name: {listed(names)}"] if names else []


def _unused(models: ModelFiles) -> list[str]:
    names = sorted(set(models.files) - models.used)
    return (
        [f"no row has the model of {counted(len(names), 'file')} in {models.directory}: {listed(names)}"]
        if names
        else []
    )


def _name(data: str | Path | None, shipped: str) -> str:
    return f"the shipped {shipped}" if data is None else str(data)
