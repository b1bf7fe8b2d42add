import { type Asked, ChangingCluster, type Moment } from "./changing-cluster.ts";
import type { FaultNode } from "./faults/fault-node.ts";

/**
 * Nodes that die in the middle of a change: whoever joins, whoever gives its copies, and whoever leads the change, each at every
 * phase of it. No client sees an error, no read misses a write, and the change ends without the dead node, or where copies
 * have yet to come to it as soon as it is back.
 */
type Victim = "joining" | "source" | "leader";

/** Nodes 4 and 5 by turns join and leave; a change can be watched by the victim alone, who leads it then. */
const CASES: readonly {
  readonly victim: Victim;
  readonly moment: Moment;
  readonly join?: 4 | 5;
  readonly leave?: 4 | 5;
}[] = [
  { join: 4, victim: "joining", moment: "moving" },
  { join: 5, victim: "joining", moment: "moved" },
  { leave: 5, victim: "source", moment: "moving" },
  { leave: 4, victim: "source", moment: "moved" },
  { join: 4, victim: "joining", moment: "flipped" },
  { join: 5, victim: "leader", moment: "moving" },
  { leave: 5, victim: "source", moment: "flipped" },
  { leave: 4, victim: "leader", moment: "moved" },
  { join: 4, victim: "leader", moment: "flipped" },
];

const NAMES: Readonly<Record<Victim, string>> = {
  joining: "it",
  source: "a source",
  leader: "whoever leads",
};
const MOMENTS: Readonly<Record<Moment, string>> = {
  moving: "copies move",
  moved: "all copies have moved",
  flipped: "the new owners take over",
};

describe("cluster: nodes die while the ring changes under load: N=3 W=2 R=2", function () {
  this.timeout(300_000);
  const changing = new ChangingCluster();

  before(() => changing.start());
  after(() => changing.remove());

  for (const { victim, moment, join, leave } of CASES) {
    const what = join === undefined ? `node ${leave} leaves` : `node ${join} joins`;
    it(`${what}, and ${NAMES[victim]} is killed when ${MOMENTS[moment]}`, async () => {
      const members = await changing.members();
      const moving = changing.nodes[(join ?? leave)! - 1]!;
      const asked: Asked =
        join === undefined ? { type: "leave", leaving: [moving] } : { type: "join", joining: [moving] };
      const after = join === undefined ? members.filter((node) => node !== moving) : [...members, moving];
      if (join !== undefined) await changing.untilEmpty(moving);
      const killed = victimOf(victim, moving, members);
      await changing.ask(members[0]!, asked);
      await changing.untilMoment(moment, killed);
      await killed.end("SIGKILL");
      // Copies can come to it only when it is back; the others end the change without it.
      const isGaining = killed === moving ? join !== undefined : join === undefined;
      if (!isGaining || moment === "flipped") await changing.untilSettled(after);
      await killed.start();
      await changing.untilSettled(after);
      await changing.expectUnnoticed();
    });
  }

  it("afterwards every acknowledged write is there, and copies are equal and where they belong", async () => {
    await changing.expectWhole();
  });
});

/** @param members before, the leader first */
function victimOf(victim: Victim, moving: FaultNode, members: readonly FaultNode[]): FaultNode {
  if (victim === "joining") return moving;
  if (victim === "leader") return members[0]!;
  return members.includes(moving) ? moving : members.find((node) => node !== members[0])!;
}
