/** The most security events that `audit.record` takes at a time. */
export const MAX_RECORDS_AT_ONCE = 200;
