/** The Redis whose commands and replies we follow. Clients choose their own behaviour by it. */
export const REDIS_VERSION = "7.0.15";
