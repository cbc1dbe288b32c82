/** Why `kvorum serve` stops; the first reason counts. */
export type End =
  | { readonly type: "signal"; readonly signal: NodeJS.Signals }
  /** It can never serve from its directory again. */
  | { readonly type: "fatal"; readonly error: Error };

export interface EndOfServe {
  readonly reached: End | null;
  readonly promise: Promise<End>;
  /** Only the first call counts. */
  reach(end: End): void;
}

export function createEnd(): EndOfServe {
  let reached: End | null = null;
  let settle: (end: End) => void = () => undefined;
  const promise = new Promise<End>((resolve) => (settle = resolve));
  return {
    get reached() {
      return reached;
    },
    promise,
    reach(end) {
      reached ??= end;
      settle(end);
    },
  };
}
