/** What the modules of `semver` have, a function each: who imports one says which. */
declare const semverFunction: unknown;
export default semverFunction;
