import { expect } from "chai";
import { ProgressBar } from "../../../../client/cli/progress-bar.ts";

describe("the progress bar", () => {
  const barOf = (stderrIsTerminal: boolean): { said: string[]; bar: ProgressBar } => {
    const said: string[] = [];
    return { said, bar: new ProgressBar({ stderrIsTerminal, err: (text) => said.push(text) }) };
  };

  it("writes one line over and over at a terminal, and leaves it whole when it is closed", () => {
    const { said, bar } = barOf(true);
    bar.show({ what: "moving", done: 1, total: 4, note: "three to go" });
    bar.show({ what: "moving", done: 4, total: 4, note: "" });
    bar.close();
    bar.close();
    expect(said[0]).to.equal(`\rmoving [${"#".repeat(8)}${"-".repeat(22)}] 25 % 1/4  three to go\u001B[K`);
    expect(said.slice(1)).to.deep.equal([`\rmoving [${"#".repeat(30)}] 100 % 4/4  \u001B[K`, "\n"]);
  });

  it("writes a line for each tenth elsewhere", () => {
    const { said, bar } = barOf(false);
    for (let done = 0; done <= 100; done++) bar.show({ what: "moving", done, total: 100, note: "" });
    bar.show({ what: "ending", done: 100, total: 100, note: "one to go" });
    bar.close();
    expect(said.length).to.equal(12);
    expect(said[1]).to.equal("moving: 10 of 100 (10 %)\n");
    expect(said.at(-1)).to.equal("ending: 100 of 100 (100 %), one to go\n");
  });

  it("is whole where there is nothing to do", () => {
    const { said, bar } = barOf(false);
    bar.show({ what: "moving", done: 0, total: 0, note: "" });
    expect(said).to.deep.equal(["moving: 0 of 0 (100 %)\n"]);
  });
});
