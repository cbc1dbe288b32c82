/** What people may be called: good in an address, in a key and in a position. */
export const NAME = /^[a-z][a-z0-9_]{1,19}$/;
