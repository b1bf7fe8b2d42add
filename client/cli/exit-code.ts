/** What a script may rely on; `dynamokv --help` prints this table. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  severalValues: 4,
  maybeApplied: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const exitCodesHelp = `Exit codes:
  0  done
  1  failed, and nothing was changed
  2  wrong usage
  3  no such key
  4  several concurrent values where one was asked for (get in text form)
  5  a write failed but may have been applied: read before you decide`;
