import { expect } from "chai";

import { splitCode } from "./code-text.ts";
import { typescriptFiles } from "./source-tree.ts";

describe("tidy: code apart from text", () => {
  it("keeps every line and column of every file of the project", () => {
    const files = typescriptFiles();
    expect(files.length).to.be.greaterThan(50);
    for (const file of files) {
      const { bare, withStrings } = splitCode(file.text);
      expect(withStrings, file.path).to.have.lengthOf(file.text.length);
      expect(bare, file.path).to.have.lengthOf(file.text.length);
      expect(bare.split("\n"), file.path).to.have.lengthOf(file.text.split("\n").length);
    }
  });

  it("leaves comments out of code, and strings out of bare code", () => {
    const { withStrings, bare, comments } = splitCode(`a("// no"); // yes\n/* two\nlines */ b('"', "\\"");`);
    expect(withStrings).to.equal(`a("// no");       \n      \n         b('"', "\\"");`);
    expect(bare).to.equal(`a(       );       \n      \n         b(   ,     );`);
    expect(comments).to.deep.equal([
      { line: 1, text: "// yes" },
      { line: 2, text: "/* two\nlines */" },
    ]);
  });

  it("sees the code inside a template and not its text", () => {
    const { bare } = splitCode("x = `Date ${Date.now() + `${{ a: 1 }.a} Date`} Date`; y();");
    expect(bare.match(/Date/g)).to.have.lengthOf(1);
    expect(bare).to.contain("Date.now()").and.contain("y();");
  });

  it("tells a regular expression from a division", () => {
    expect(splitCode(`const a = /["'/]/.test(b); Date;`).bare).to.contain("Date;").and.not.contain(`"`);
    expect(splitCode(`const a = b / c; const d = "Date" / 2;`).bare)
      .to.contain("b / c")
      .and.not.contain("Date");
    expect(splitCode("if (x) return /`/g; Date;").bare).to.contain("Date;");
  });
});
