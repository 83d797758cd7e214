"""JavaScript modules become one: what is joined, in which order, and what is refused."""

from pathlib import Path

import pytest

from trajkit.widgets import assets


def joined(folder: Path, **sources: str) -> str:
    for name, source in sources.items():
        (folder / f"{name}.js").write_text(source)
    return assets.module("entry.js", folder=folder)


def test_module__follows_the_modules_that_it_imports(tmp_path):
    text = joined(
        tmp_path,
        entry='import { a, b } from "./middle.js";\nimport { c } from "./leaf.js";\nexport default { a, b, c };\n',
        middle='import { c } from "./leaf.js";\n\nexport const a = c + 1;\nexport async function b() {}\n',
        leaf="export class C {}\nexport const c = 1;\n",
    )
    assert text.split("\n") == [
        *["class C {}", "const c = 1;", ""],
        *["", "const a = c + 1;", "async function b() {}", ""],
        *["export default { a, b, c };", ""],
    ]


def test_module__finds_imports_in_other_folders_and_over_several_lines(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "part.js").write_text('import {\n  a,\n  b,\n} from "../leaf.js";\nexport const c = a + b;\n')
    text = joined(
        tmp_path,
        entry='import { c } from "./below/part.js";\nexport default { c };\n',
        leaf="export const a = 1, b = 2;\n",
    )
    assert text == "const a = 1, b = 2;\n\nconst c = a + b;\n\nexport default { c };\n"


def test_module__leaves_words_inside_a_line_alone(tmp_path):
    source = "  // import of an export\nconst text = `import { a } from 'b'`;\n"
    assert joined(tmp_path, entry=source) == source


def test_module__refuses_a_circle(tmp_path):
    with pytest.raises(ValueError, match=r"circle: .*one.js.*move what they share"):
        joined(
            tmp_path,
            entry='import { one } from "./one.js";\n',
            one='import { two } from "./two.js";\nexport const one = () => two;\n',
            two='import { one } from "./one.js";\nexport const two = () => one;\n',
        )


@pytest.mark.parametrize(
    "line",
    [
        *(f'import {what} from "./leaf.js";' for what in ("three", "* as three", "{ three as four }")),
        *('import { three } from "three";', 'import "./leaf.js";'),
        *('export { three } from "./leaf.js";', "export { three };"),
    ],
)
def test_module__refuses_what_it_cannot_join(tmp_path, line):
    with pytest.raises(ValueError, match=r"entry.js: wanted `import"):
        joined(tmp_path, entry=line + "\n", leaf="export const three = 3;\n")


def test_module__has_no_default_but_its_own(tmp_path):
    with pytest.raises(ValueError, match=r"leaf.js: .* got: export default 3;"):
        joined(tmp_path, entry='import { three } from "./leaf.js";\n', leaf="export default 3;\n")


def test_stylesheet__is_the_file():
    assert ".trajkit-table" in assets.stylesheet("table.css")
