# Looking at values while they are evaluated, and small test suites.
{ lib }:
let
  inherit (builtins) trace deepSeq;
in
rec {
  traceIf = pred: message: value: if pred then trace message value else value;
  traceValFn = f: value: trace (f value) value;
  traceVal = traceValFn (x: x);
  traceSeq = x: y: trace (deepSeq x x) y;
  traceValSeqFn = f: value: traceValFn f (deepSeq value value);
  traceValSeq = traceValSeqFn (x: x);
  traceSeqN =
    depth: x: y:
    trace (lib.generators.toPretty { } (lib.generators.withRecursion {
      depthLimit = depth;
      throwOnDepthLimit = false;
    } x)) y;
  traceValSeqNFn =
    f: depth: value:
    traceSeqN depth (f value) value;
  traceValSeqN = traceValSeqNFn (x: x);
  traceFnSeqN =
    depth: name: f: value:
    let
      result = f value;
    in
    traceSeqN (depth + 1) {
      fn = name;
      from = value;
      to = result;
    } result;
  runTests =
    tests:
    builtins.concatLists (
      lib.mapAttrsToList (
        name: test:
        if !(lib.hasPrefix "test" name) && !(test.enabled or false) || test.expr == test.expected then
          [ ]
        else
          [
            {
              inherit name;
              inherit (test) expected;
              result = test.expr;
            }
          ]
      ) (if tests ? tests then lib.getAttrs tests.tests tests else tests)
    );
  testAllTrue = expr: {
    inherit expr;
    expected = map (_: true) expr;
  };
  throwTestFailures =
    { failures, description ? "tests", ... }:
    if failures == [ ] then
      null
    else
      throw "${toString (builtins.length failures)} ${description} failed:\n${
        lib.concatMapStringsSep "\n" (lib.generators.toPretty { }) failures
      }";
}
