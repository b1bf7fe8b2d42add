import { settingsTable } from "./settings-table.ts";

/** `--flag value` and `--flag=value`; --help and --version win over everything else. */
export type NodeFlags =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | {
      readonly kind: "settings";
      readonly values: Readonly<Record<string, string>>;
      readonly problems: readonly string[];
    };

export function readFlags(args: readonly string[]): NodeFlags {
  if (args.includes("--help") || args.includes("-h")) return { kind: "help" };
  if (args.includes("--version")) return { kind: "version" };
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    if (!argument.startsWith("--")) {
      problems.push(`${JSON.stringify(argument)} is not a flag`);
      continue;
    }
    const equals = argument.indexOf("=");
    const name = equals === -1 ? argument : argument.slice(0, equals);
    const value = equals === -1 ? args[++i] : argument.slice(equals + 1);
    if (value === undefined) problems.push(`${name} needs a value`);
    else if (name in values) problems.push(`${name} is given twice`);
    else values[name] = value;
  }
  return { kind: "settings", values, problems };
}

/** What `dynamokv node --help` prints: every setting with its flag, variable, default and meaning. */
export function nodeHelp(): string {
  const lines = settingsTable.map(({ flag, env, placeholder, defaultText, description }) => {
    const standard = defaultText === undefined || defaultText === "" ? "" : ` (default ${defaultText})`;
    return `  ${`${flag} ${placeholder}`.padEnd(38)} ${description}${standard}\n${" ".repeat(41)}${env}`;
  });
  return `usage: dynamokv node --data-dir PATH --cluster-secret-file PATH [flags]

Runs one storage node until SIGTERM, logging JSON lines to standard output. Each flag can be given as the
environment variable below it instead; the flag wins.

${lines.join("\n")}
`;
}
