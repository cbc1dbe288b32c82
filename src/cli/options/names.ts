/** One option, three names: a path in the file, a flag, a variable. */
import type { OptionLeaf } from "../../server/options.ts";

/** `limits.maxConnections`, as in the YAML file. */
export const pathOf = (leaf: OptionLeaf): string => leaf.path.join(".");

const words = (leaf: OptionLeaf) => leaf.path.flatMap((name) => name.split(/(?=[A-Z])/));

/** `limits.maxConnections` is `--limits-max-connections`. */
export const flagOf = (leaf: OptionLeaf): string => `--${words(leaf).join("-").toLowerCase()}`;

/** `limits.maxConnections` is `KVORUM_LIMITS_MAX_CONNECTIONS`. */
export const variableOf = (leaf: OptionLeaf): string => `KVORUM_${words(leaf).join("_").toUpperCase()}`;
