import { describeBadInput } from "./bad-input-catalogue.ts";
import { HttpRig } from "./http-rig.ts";

describe("client port: bad input", () => {
  const rig = new HttpRig();
  before(() => rig.start());
  after(() => rig.stop());

  describeBadInput(() => rig);
});
