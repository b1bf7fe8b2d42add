/**
 * `npm ci` refuses a lockfile that misses a package of any platform, and it is what CI and everybody's first `make`
 * run. npm writes such a lockfile when the registry it was written against lacked a platform's package; nobody
 * notices on the machine that wrote it, because its node_modules is there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { projectRoot } from "./source-tree.ts";

interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot(), name), "utf8"));
}

describe("tidy: lockfile", () => {
  const { packages } = readJson("package-lock.json") as { packages: Record<string, LockedPackage> };

  it("has an entry for every package that another names, optional ones of other platforms included", () => {
    const names = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, "")));
    const wanted = Object.values(packages).flatMap((entry) => [
      ...Object.keys(entry.dependencies ?? {}),
      ...Object.keys(entry.devDependencies ?? {}),
      ...Object.keys(entry.optionalDependencies ?? {}),
    ]);
    expect(wanted.length).to.be.greaterThan(100);
    expect(wanted.filter((name) => !names.has(name))).to.deep.equal([]);
  });

  it("pins exactly what package.json pins, and package.json pins exactly", () => {
    const manifest = readJson("package.json") as LockedPackage;
    const pinned = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(Object.keys(pinned).length).to.be.greaterThan(10);
    for (const [name, version] of Object.entries(pinned)) {
      expect(version, name).to.match(/^\d+\.\d+\.\d+$/);
      expect(packages[`node_modules/${name}`]?.version, name).to.equal(version);
    }
  });
});
