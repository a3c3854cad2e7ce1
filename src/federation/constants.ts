/** Members of a claim that is a list of which one may be what a condition asks for; those beyond are not looked at. */
export const LISTED_CLAIMS_MAX = 200;
