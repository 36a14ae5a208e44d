/** What the service's connections act as: it may add records and cannot change any. */
export const APP_ROLE = "audit_app";
