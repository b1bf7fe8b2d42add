import { expect } from "chai";

import {
  barrelsAndDefaults,
  chosenOrSkippedTests,
  FILE_LINES_MAX,
  namedForNothing,
  testsWithoutSource,
  tooLong,
  unexplainedEscapes,
  unownedNotes,
} from "./source-rules.ts";
import { type SourceFile, typescriptFiles } from "./source-tree.ts";

type Rule = (files: readonly SourceFile[]) => string[];

describe("tidy: source", () => {
  const files = typescriptFiles();

  it("the project's files are seen", () => {
    expect(files.length).to.be.greaterThan(50);
    expect(files.filter(({ path }) => path.startsWith("test/unit/")).length).to.be.greaterThan(10);
  });

  const rules: readonly {
    fact: string;
    rule: Rule;
    refused: readonly SourceFile[];
    allowed: readonly SourceFile[];
  }[] = [
    {
      fact: `a file has at most ${FILE_LINES_MAX} lines`,
      rule: tooLong,
      refused: [file("node/a.ts", "\n".repeat(FILE_LINES_MAX) + "a();\n")],
      allowed: [file("node/a.ts", "a();\n".repeat(FILE_LINES_MAX))],
    },
    {
      fact: "a file is named for what it holds",
      rule: namedForNothing,
      refused: ["node/utils.ts", "client/index.ts", "node/helpers/a.ts", "test/common.test.ts"].map((path) =>
        file(path, ""),
      ),
      allowed: [file("node/core/ring/index-of-positions.ts", "")],
    },
    {
      fact: "an export has one name and one place",
      rule: barrelsAndDefaults,
      refused: [
        file("node/a.ts", "export default class A {}"),
        file("node/a.ts", "const a = 1;\nexport { a as default };"),
        file(
          "node/ring.ts",
          `// everything\nexport * from "./ring/a.ts";\nexport { b, type C } from "./b.ts";\n`,
        ),
      ],
      allowed: [
        file(
          "node/a.ts",
          `export { a } from "./a.ts"; // export default\nexport const b = "export default";`,
        ),
      ],
    },
    {
      fact: "a note to oneself names its issue",
      rule: unownedNotes,
      refused: ["// TODO: later", "/* FIXME */", "// XXX", "// TODO(#x): a"].map((text) =>
        file("node/a.ts", text),
      ),
      allowed: [file("node/a.ts", `// TODO(#12): later\nconst a = "TODO";`)],
    },
    {
      fact: "an escape from a check says why",
      rule: unexplainedEscapes,
      refused: [
        "// @ts-ignore because it is so",
        "// @ts-expect-error",
        "// oxlint-disable-next-line no-var",
        "/* eslint-disable */",
      ].map((text) => file("node/a.ts", text)),
      allowed: [
        file("node/a.ts", "// @ts-expect-error: a number is what this test is about"),
        file("node/a.ts", "// oxlint-disable-next-line no-var -- the legacy parser needs it"),
      ],
    },
    {
      fact: "no test is chosen or left out",
      rule: chosenOrSkippedTests,
      refused: [`it.only("a", f);`, `describe . skip("a", f);`, `xit("a", f);`, `this.skip();`].map((text) =>
        file("test/unit/a.test.ts", text),
      ),
      allowed: [file("test/unit/a.test.ts", `it("says it.only", () => list.skip(1)); // it.skip`)],
    },
    {
      fact: "a unit test lies where its source does",
      rule: testsWithoutSource,
      refused: [
        file("test/unit/node/gone.test.ts", ""),
        file("test/unit/node/both.test.ts", `import { a } from "../../../node/a.ts";`),
      ],
      allowed: [
        file("node/a.ts", ""),
        file("test/unit/node/a.test.ts", ""),
        file("test/unit/node/a.laws.test.ts", ""),
        file(
          "test/unit/node/both.test.ts",
          `import { a } from "../../../node/a.ts";\nimport { b } from "../../../node/b.ts";`,
        ),
      ],
    },
  ];

  for (const { fact, rule, refused, allowed } of rules) {
    it(fact, () => {
      expect(rule(files)).to.deep.equal([]);
    });

    it(`${fact}: a planted violation is refused, its like is not`, () => {
      for (const planted of refused) expect(rule([planted]), planted.text).to.have.lengthOf(1);
      expect(rule(allowed)).to.deep.equal([]);
    });
  }
});

function file(path: string, text: string): SourceFile {
  return { path, text };
}
