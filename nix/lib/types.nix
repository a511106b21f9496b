# Option types: what a definition may be, and what several of them make together.
#
# Beside the usual fields a type may have `isPlain = true`: the merge of a single checked definition without properties
# is the definition's own value, whatever the option's path. And it may have `spread`, a function from definitions
# to definitions, to say what becomes of properties that cannot be resolved yet.
{ lib }:
let
  inherit (import ./type-kit.nix { inherit lib; })
    functor
    typeMergeBy
    mkOptionType
    isType
    setType
    ;
  inherit (lib) types;
in
import ./types-simple.nix { inherit lib; }
// import ./types-compound.nix { inherit lib; }
// import ./types-modules.nix { inherit lib; }
// {
  inherit mkOptionType isType setType;
  isOptionType = isType "option-type";
  defaultFunctor = name: functor name (types.${name} or null);
  defaultTypeMerge = typeMergeBy;
  optionDescriptionPhrase =
    unparenthesize: t:
    if unparenthesize (t.descriptionClass or null) then
      t.description or t.name
    else
      "(${t.description or t.name})";
}
