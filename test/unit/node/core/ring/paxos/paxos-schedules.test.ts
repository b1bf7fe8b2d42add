import { expect } from "chai";
import { answerBallot } from "../../../../../../node/core/ring/paxos/acceptor.ts";
import { Proposal } from "../../../../../../node/core/ring/paxos/proposal.ts";
import { PAXOS, type Paxos } from "./ballot-cluster.ts";
import { runSchedule } from "./ballot-schedule.ts";
import { type Edit, mutatedPaxos } from "./mutated-paxos.ts";

const SCHEDULES = 2_000;

describe("paxos schedules", () => {
  it("decide one ring a number and generation, whatever fails, and go on when all is quiet", function () {
    this.timeout(60_000);
    expect(PAXOS.answerBallot).to.equal(answerBallot);
    expect(PAXOS.Proposal).to.equal(Proposal);
    const reached = { epochs: 0, recovered: 0, quiet: 0 };
    for (let seed = 1; seed <= SCHEDULES; seed++) {
      const { violation, epochs, recovered, decidedWhenQuiet } = runSchedule(seed, PAXOS);
      expect(violation, `seed ${seed}`).to.equal(undefined);
      expect(decidedWhenQuiet, `seed ${seed}: decides when quiet`).to.not.equal(false);
      reached.epochs += epochs;
      if (recovered) reached.recovered++;
      if (decidedWhenQuiet !== undefined) reached.quiet++;
    }
    expect(reached.epochs).to.be.greaterThan(SCHEDULES * 2);
    expect(reached.recovered).to.be.greaterThan(SCHEDULES / 50);
    expect(reached.quiet).to.be.greaterThan(SCHEDULES / 2);
  });

  const bugs: Readonly<Record<string, Edit>> = {
    "an acceptor keeps no promise": {
      file: "paxos/acceptor",
      search: "promised !== undefined && compareBallots(ballot, promised) < 0",
      replace: "false",
    },
    "a promise does not tell of the vote": {
      file: "paxos/acceptor",
      search: 'kind: "promised", base, ballot, accepted }',
      replace: 'kind: "promised", base, ballot, accepted: undefined }',
    },
    "a proposer puts its own value in the place of the one it found": {
      file: "paxos/proposal",
      search: "this.#valueFound() ?? this.#wanted",
      replace: "this.#wanted",
    },
    "a proposer takes the lowest vote that it found": {
      file: "paxos/proposal",
      search: "compareBallots(accepted.ballot, highest.ballot) > 0",
      replace: "compareBallots(accepted.ballot, highest.ballot) < 0",
    },
    "a majority is one too few": {
      file: "paxos/proposal",
      search: "Math.floor(this.#voters.length / 2) + 1",
      replace: "Math.max(1, Math.floor(this.#voters.length / 2))",
    },
    "an answer to an earlier ballot counts": {
      file: "paxos/proposal",
      search: "compareBallots(answer.ballot, ballot) !== 0",
      replace: "false",
    },
    "a member that has lost its ring store votes": {
      file: "change/elastic-ring",
      search: "isAdmitted(ring, self, id) && (ring.format === 2 || !adopted)",
      replace: "true",
    },
    "votes on an earlier ring count for a later one": {
      file: "paxos/acceptor",
      search: "promised: undefined, accepted: undefined }",
      replace: "promised: undefined, accepted: ballots.accepted }",
    },
    "an older generation is served again": {
      file: "ring-number",
      search: "a.generation - b.generation || a.epoch - b.epoch",
      replace: "a.epoch - b.epoch",
    },
  };

  it("catch what is sent before it is saved", () => {
    expect(seedsToCatch({ ...PAXOS, savesFirst: false })).to.be.at.most(SCHEDULES);
  });

  for (const [name, edit] of Object.entries(bugs)) {
    it(`catch the bug: ${name}`, async function () {
      this.timeout(60_000);
      expect(seedsToCatch(await mutatedPaxos(edit))).to.be.at.most(SCHEDULES);
    });
  }
});

/** How many schedules it takes until one is violated or stands still when quiet; more than there are where none does. */
function seedsToCatch(paxos: Paxos): number {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const { violation, decidedWhenQuiet } = runSchedule(seed, paxos);
    if (violation !== undefined || decidedWhenQuiet === false) return seed;
  }
  return Infinity;
}
