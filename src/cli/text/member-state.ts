import type { MemberState } from "../../node/api.ts";
import type { Style } from "./style.ts";

export function memberState(state: MemberState | null, style: Style): string {
  switch (state) {
    case null:
      return "-";
    case "alive":
      return style.green(state);
    case "suspect":
      return style.yellow(state);
    case "dead":
      return style.red(state);
    case "left":
      return style.dim(state);
  }
}
