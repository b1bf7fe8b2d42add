/**
 * Splits TypeScript into code and comments, so that a rule about code does not trip over a word in a sentence or in a
 * string. A small lexer, because TypeScript 7 offers no parser to programs: it knows comments, strings, templates and
 * regular expressions, keeps every line break where it was, and replaces what it leaves out by spaces.
 */

export interface CodeText {
  /** Comments blanked, strings kept: for imports. */
  readonly withStrings: string;
  /** Comments and the insides of strings, templates and regular expressions blanked: for identifiers. */
  readonly bare: string;
  readonly comments: readonly { readonly line: number; readonly text: string }[];
}

type Kind = "code" | "comment" | "text";
interface Piece {
  readonly kind: Kind;
  readonly text: string;
}

export function splitCode(source: string): CodeText {
  let withStrings = "";
  let bare = "";
  let line = 1;
  const comments: { line: number; text: string }[] = [];
  for (const piece of pieces(source)) {
    withStrings += piece.kind === "comment" ? blank(piece.text) : piece.text;
    bare += piece.kind === "code" ? piece.text : blank(piece.text);
    if (piece.kind === "comment") comments.push({ line, text: piece.text });
    line += piece.text.split("\n").length - 1;
  }
  return { withStrings, bare, comments };
}

/** 1-based line of an index into the source or into either text of CodeText. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const REGEX = /\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const TEMPLATE_TEXT = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
/** What may stand before a regular expression; after anything else a slash divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|await|yield|throw))\s*$/;

function* pieces(source: string): Generator<Piece> {
  let at = 0;
  let code = "";
  // For each open template: how many braces are open inside its current ${…}.
  const braces: number[] = [];
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  while (at < source.length) {
    const comment = take(COMMENT);
    const text =
      comment ??
      take(STRING) ??
      (source[at] === "/" && BEFORE_REGEX.test(code.slice(-40)) ? take(REGEX) : undefined);
    if (text !== undefined) {
      if (code !== "") yield { kind: "code", text: code };
      code = "";
      yield { kind: comment === undefined ? "text" : "comment", text };
      at += text.length;
      // Keeps BEFORE_REGEX honest: a slash after a string divides, after a comment it does as the code before it.
      continue;
    }
    const char = source[at] ?? "";
    const opensTemplate = char === "`";
    const depth = braces.at(-1);
    const resumesTemplate = char === "}" && depth === 0;
    if (char === "{" && depth !== undefined) braces[braces.length - 1] = depth + 1;
    if (char === "}" && depth !== undefined && depth > 0) braces[braces.length - 1] = depth - 1;
    code += char;
    at += 1;
    if (!opensTemplate && !resumesTemplate) continue;
    const inside = take(TEMPLATE_TEXT) ?? "";
    yield { kind: "code", text: code };
    yield { kind: "text", text: inside };
    at += inside.length;
    code = source[at] === "`" ? "`" : "${";
    at += code.length;
    if (opensTemplate && code === "${") braces.push(0);
    if (resumesTemplate && code === "`") braces.pop();
  }
  if (code !== "") yield { kind: "code", text: code };
}
