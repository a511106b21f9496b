# 100,000 strings in no order.
{ ... }:
let
  mod = a: b: a - a / b * b;
  strings = builtins.genList (n: "key ${toString (mod (n * 7919) 1000003)}") 100000;
  sorted = builtins.sort (a: b: a < b) strings;
in
builtins.deepSeq sorted (builtins.elemAt sorted 50000)
