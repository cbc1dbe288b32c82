/** A typed line as arguments, by the rules of redis-cli: words, "with escapes", 'without'. */

const SIMPLE: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\u0007" };

/** The arguments; null when quotes do not match or text follows a closing quote. */
export function splitLine(line: string): Uint8Array[] | null {
  // One char per byte, so that \xff can stand beside text.
  const text = Buffer.from(line, "utf8").toString("latin1");
  const args: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace(text[at]!)) at++;
    if (at === text.length) return args;
    const mark = text[at]!;
    const word = mark === '"' || mark === "'" ? quoted(text, at, mark) : bare(text, at);
    if (word === null) return null;
    args.push(Buffer.from(word.value, "latin1"));
    at = word.end;
  }
}

interface Word {
  readonly value: string;
  readonly end: number;
}

function isSpace(char: string): boolean {
  return char === " " || char === "\t" || char === "\n" || char === "\r";
}

function bare(text: string, start: number): Word {
  let end = start;
  while (end < text.length && !isSpace(text[end]!)) end++;
  return { value: text.slice(start, end), end };
}

function quoted(text: string, start: number, mark: string): Word | null {
  let value = "";
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === mark) {
      const end = at + 1;
      return end === text.length || isSpace(text[end]!) ? { value, end } : null;
    }
    const next = text[at + 1];
    if (char !== "\\" || next === undefined) {
      value += char;
    } else if (mark === "'") {
      value += next === "'" ? next : char;
      if (next === "'") at++;
    } else {
      const hex = /^x([0-9a-fA-F]{2})/.exec(text.slice(at + 1, at + 4));
      value += hex === null ? (SIMPLE[next] ?? next) : String.fromCharCode(Number.parseInt(hex[1]!, 16));
      at += hex === null ? 1 : 3;
    }
  }
  return null;
}
