# Two trees of 65,536 leaves each, eight levels deep, half of the second's leaves new.
{ libPath }:
let
  lib = import libPath;
  tree =
    names: depth: value:
    if depth == 0 then
      value
    else
      lib.genAttrs names (_: tree names (depth - 1) value);
  old = tree [ "a" "b" "c" "d" ] 8 1;
  new = tree [ "a" "b" "c" "e" ] 8 2;
  updated = lib.recursiveUpdate old new;
in
builtins.deepSeq updated (builtins.attrNames updated)
