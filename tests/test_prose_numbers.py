"""A number quoted in the prose stands in an output above it, in an alt text, or in the code (as a knob)."""
import re

import nbformat
import pytest

from tools.notebooks import notebooks

NUMBER = r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?"
QUOTED = re.compile(rf"(?<![\w.,])(?<![A-Za-z]-)({NUMBER})(?!\w|\.\d)(?:\s?(%|percent\b|points?\b))?")


def quoted_numbers(markdown: str) -> list[str]:
    """The numbers that need a source: all but whole numbers below 20, years, and those in code, maths or headings."""
    for hidden in (r"^```.*?^```", r"`[^`\n]*`", r"\$\$.*?\$\$", r"\$[^$\n]+\$", r"(?<=\])\([^)]*\)", r"<[^>]+>",
                   r"^#+ .*$", r"^\d+\. ", r"\b\d+ (?:to \d+ )?minutes"):
        markdown = re.sub(hidden, " ", markdown, flags=re.S | re.M if "`" in hidden or "$$" in hidden else re.M)
    found = []
    for number, unit in QUOTED.findall(markdown):
        whole = re.fullmatch(r"[\d,]+", number) and int(number.replace(",", ""))
        small = whole is not None and (whole < 20 or "," not in number and 1900 <= whole <= 2030) and not unit
        if not small:
            found.append(f"{number} {unit}".strip())
    return found


def numbers_in(text: str) -> set[float]:
    """Every number in code or in an output; 12,396 counts as one number and as two."""
    text = re.sub(r"(?<=\d)_(?=\d)", "", text)
    return {float(match.replace(",", "")) for pattern in (NUMBER, r"(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
            for match in re.findall(rf"(?<![\d.]){pattern}", text)}


def is_shown(quoted: str, printed: set[float], written: set[float]) -> bool:
    """Whether a quoted number is a printed one, rounded, or one written in the code; a percentage may be a share."""
    number, _, unit = quoted.partition(" ")
    mantissa, _, exponent = number.replace(",", "").partition("e")
    value = float(number.replace(",", ""))
    half = .5 * 10. ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    for scale in (1, 100) if unit else (1,):
        if any(abs(scale * source - value) <= half * 1.000001 for source in printed):
            return True
        if any(abs(scale * source - value) <= 1e-9 * (1 + value) for source in written):
            return True
    return False


def printed_by(cells: list) -> set[float]:
    """The numbers in the outputs of some cells, but those that vary; alt text is a picture's plain text."""
    return {number for cell in cells if cell.cell_type == "code" and "varies" not in cell.metadata.get("tags", [])
            for output in cell.outputs
            for number in numbers_in(output.get("text", "") + output.get("data", {}).get("text/plain", ""))}


def is_excused(quoted: str, reason: str, earlier: dict[str, list]) -> bool:
    """Whether the reason is one: any words, or the slug of an earlier notebook that does print the number."""
    return bool(reason) and ("_" not in reason or is_shown(quoted, printed_by(earlier.get(reason, [])), set()))


def unsupported(cells: list, earlier: dict[str, list] | None = None) -> list[str]:
    """The quoted numbers of a notebook that stand nowhere above, and the exceptions that are idle or no good."""
    printed, written, problems = set(), set(), []
    for k, cell in enumerate(cells):
        if cell.cell_type == "code":
            written |= numbers_in(cell.source)
            printed |= printed_by([cell])
        elif cell.cell_type == "markdown":
            announced = cells[k + 1].source if k + 1 < len(cells) and cells[k + 1].cell_type == "code" else ""
            missing = [quoted for quoted in dict.fromkeys(quoted_numbers(cell.source))
                       if not is_shown(quoted, printed, written | numbers_in(announced))]
            excused = cell.metadata.get("numbers", {})
            for quoted in dict.fromkeys([*missing, *excused]):
                if quoted not in excused:
                    problems.append(f"{cell.id}: {quoted} stands in no output above")
                elif quoted not in missing:
                    problems.append(f"{cell.id}: {quoted} needs no exception")
                elif not is_excused(quoted, excused[quoted], earlier or {}):
                    problems.append(f"{cell.id}: {quoted} is excused, but {excused[quoted]!r} is no good")
    return problems


BOOKS = {path.stem.lstrip("0123456789_"): nbformat.read(path, as_version=4).cells for path in notebooks()}


@pytest.mark.parametrize("slug", BOOKS)
def test_numbers_in_the_prose_stand_in_an_output_above(slug):
    above = list(BOOKS)[:list(BOOKS).index(slug)]
    problems = unsupported(BOOKS[slug], {other: BOOKS[other] for other in above})
    assert not problems, "\n".join(["", *problems])


# ---------------------------------------------------------------- the checker, checked

def book(prose, output="", source="", numbers=None, after="", tags=()):
    new = nbformat.v4
    shown = [new.new_output("execute_result", data={"text/plain": output})]
    return [new.new_code_cell(source, outputs=shown, metadata={"tags": list(tags)}),
            new.new_markdown_cell(prose, metadata={"numbers": numbers or {}}),
            new.new_code_cell(after, outputs=[new.new_output("stream", text="77.7")])]


@pytest.mark.parametrize("prose, output", [
    ("It gets .983 right.", "0.9834"), ("It gets 98.3 % right, not more.", "[0.98341, 2]"), ("12,396 digits", "12396"),
    ("12,396 digits", "there are 12,396 of them"), ("a loss of 0.07", "tensor(0.0712, grad_fn=<X>)"),
    ("28 by 28", "torch.Size([500, 28, 28])"), ("a step of 1e-05", "tensor(1.0000e-05)"), ("4 steps", ""),
    ("in 1998, `x = 31`, $x = 44$, [here](http://x/55)", ""), ("# 99 ways\n\nand ResNet-18", ""),
    ("1. first\n25. last", ""), ("about .6 points", "0.0061"), ("784-30-1", "784 30"), ("is .5, or so", "0.5"),
])
def test_checker_passes(prose, output):
    assert unsupported(book(prose, output)) == []


@pytest.mark.parametrize("prose, output", [
    ("It gets .983 right.", "0.9844"), ("It gets 98.3 % right.", "0.9844"), ("12,396 digits", "12397"), (".5", ""),
    ("a loss of 0.07.", "0.7"), ("It takes 25 steps", "24"), ("(0.5)", "0.4"), ("from .95 to .97", ".95"),
    ("784-31-1", "784 30"), ("**.974**", ".984"), ("It was 77.7", ""), ("±.002", ".02"), ("3.5×", "3.4"),
    ("<summary>1. Why 33?</summary>", ""), ("90 % of them", ".8"),
])
def test_checker_catches(prose, output):
    assert len(unsupported(book(prose, output))) == 1


@pytest.mark.parametrize("problems, told", [
    (0, {"prose": "With lr 0.3 and 40 epochs", "source": "lr, epochs = .3, 40"}),
    (1, {"prose": "With lr 0.3", "source": "lr = 0.31"}),
    (0, {"prose": "What are 200 and 100 together?", "after": "200 + 100"}),
    (0, {"prose": "90 % of all courses", "numbers": {"90 %": "a made-up example"}}),
    (1, {"prose": "90 % of all courses", "numbers": {"90 %": ""}}),
    (1, {"prose": "90 % of all courses", "numbers": {"90 %": "a made-up example"}, "output": "0.9"}),
    (0, {"prose": ".974, as before", "numbers": {".974": "pixel_similarity"}}),
    (1, {"prose": ".975, as before", "numbers": {".975": "pixel_similarity"}}),
    (1, {"prose": ".974, as before", "numbers": {".974": "gradient_descent"}}),
    (0, {"prose": "It took .5 s", "output": "0.5"}),
    (1, {"prose": "It took .5 s", "output": "0.5", "tags": ["varies"]}),
])
def test_checker_takes_knobs_exactly_exceptions_with_a_reason_and_no_numbers_that_vary(problems, told):
    assert len(unsupported(book(**told), {"pixel_similarity": book("", "0.974")})) == problems
