# From values to configuration file formats.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isPath
    isString
    length
    mapAttrs
    toJSON
    typeOf
    ;
in
rec {
  mkValueStringDefault =
    { }:
    v:
    if isInt v || isFloat v then
      toString v
    else if lib.isDerivation v || isPath v then
      "${v}"
    else if isString v then
      v
    else if isBool v then
      lib.boolToString v
    else if v == null then
      "null"
    else
      throw "generators.mkValueStringDefault: ${typeOf v}s not supported: ${toPretty { } v}";

  mkKeyValueDefault =
    {
      mkValueString ? mkValueStringDefault { },
    }:
    sep: k: v:
    "${lib.escape [ sep ] k}${sep}${mkValueString v}";

  toKeyValue =
    {
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
      indent ? "",
    }:
    let
      line = k: v: "${indent}${mkKeyValue k v}\n";
      lines = k: v: if listsAsDuplicateKeys then lib.concatMapStrings (line k) (lib.toList v) else line k v;
    in
    attrs: lib.concatStrings (lib.mapAttrsToList lines attrs);

  toINI =
    {
      mkSectionName ? lib.escape [
        "["
        "]"
      ],
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
    }:
    sections:
    concatStringsSep "\n" (
      lib.mapAttrsToList (
        name: values: "[${mkSectionName name}]\n${toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } values}"
      ) sections
    );
  toINIWithGlobalSection =
    args:
    {
      globalSection,
      sections ? { },
    }:
    (
      if globalSection == { } then
        ""
      else
        toKeyValue (removeAttrs args [ "mkSectionName" ]) globalSection + "\n"
    )
    + toINI args sections;
  toGitINI =
    attrs:
    let
      section =
        path:
        let
          parts = lib.splitString "." path;
        in
        if length parts == 1 then path else "${builtins.head parts} \"${concatStringsSep "." (builtins.tail parts)}\"";
      value = v: lib.escape [ "\\" "\"" ] (mkValueStringDefault { } v);
      keyValue = k: v: concatStringsSep "\n" (map (v: "\t${k} = ${if isString v then "\"${value v}\"" else value v}") (lib.toList v));
      flat =
        prefix: set:
        let
          leaves = lib.filterAttrs (_: v: !(isAttrs v)) set;
          nested = lib.filterAttrs (_: v: isAttrs v) set;
        in
        (if leaves == { } then { } else { ${prefix} = leaves; })
        // lib.concatMapAttrs (n: v: flat (if prefix == "" then n else "${prefix}.${n}") v) nested;
    in
    toINI {
      mkSectionName = section;
      mkKeyValue = keyValue;
    } (flat "" attrs);

  toJSON = { }: builtins.toJSON;
  toYAML = toJSON;

  withRecursion =
    {
      depthLimit,
      throwOnDepthLimit ? true,
    }:
    let
      special = [
        "__functor"
        "__functionArgs"
        "__toString"
        "__pretty"
      ];
      stepInto =
        depth: name: v:
        if elem name special then v else go (depth + 1) v;
      go =
        depth: v:
        if isList v || isAttrs v then
          if depth > depthLimit then
            if throwOnDepthLimit then
              throw "Exceeded maximum eval-depth limit of ${toString depthLimit} while trying to evaluate with `generators.withRecursion'!"
            else
              "<unevaluated>"
          else if isList v then
            map (go (depth + 1)) v
          else
            mapAttrs (stepInto depth) v
        else
          v;
    in
    go 0;

  toPretty =
    {
      allowPrettyValues ? false,
      multiline ? true,
      indent ? "",
    }:
    let
      go =
        indent: v:
        let
          open = if multiline then "\n${indent}  " else " ";
          close = if multiline then "\n${indent}" else " ";
          deeper = go (indent + "  ");
        in
        if isInt v then
          toString v
        else if isFloat v then
          lib.floatToString v
        else if isString v then
          let
            lines = lib.splitString "\n" v;
          in
          if multiline && length lines > 1 then
            "''${open}${
              concatStringsSep open (map (lib.replaceStrings [ "\${" "''" ] [ "''\${" "'''" ]) (
                if lib.last lines == "" then lib.init lines else lines
              ))
            }${if lib.last lines == "" then close else ""}''"
          else
            lib.strings.escapeNixString v
        else if isBool v then
          lib.boolToString v
        else if v == null then
          "null"
        else if isPath v then
          toString v
        else if isList v then
          if v == [ ] then "[ ]" else "[${open}${lib.concatMapStringsSep open deeper v}${close}]"
        else if lib.isFunction v then
          let
            args = lib.functionArgs v;
          in
          if args == { } then
            "<function>"
          else
            "<function, args: {${
              concatStringsSep ", " (lib.mapAttrsToList (n: default: if default then n + "?" else n) args)
            }}>"
        else if allowPrettyValues && v ? __pretty && v ? val then
          v.__pretty v.val
        else if v == { } then
          "{ }"
        else if lib.isDerivation v then
          "<derivation ${v.name or "???"}>"
        else
          "{${open}${
            concatStringsSep open (
              lib.mapAttrsToList (
                name: value: "${lib.strings.escapeNixIdentifier name} = ${deeper value};"
              ) v
            )
          }${close}}";
    in
    go indent;

  toPlist =
    { escape ? true }:
    v:
    let
      text = s: if escape then lib.escapeXML s else s;
      go =
        indent: v:
        if v == null then
          ""
        else if isBool v then
          "${indent}${if v then "<true/>" else "<false/>"}"
        else if isInt v then
          "${indent}<integer>${toString v}</integer>"
        else if isFloat v then
          "${indent}<real>${toString v}</real>"
        else if isString v || isPath v then
          "${indent}<string>${text "${toString v}"}</string>"
        else if isList v then
          concatStringsSep "\n" ([ "${indent}<array>" ] ++ map (go "\t${indent}") v ++ [ "${indent}</array>" ])
        else
          concatStringsSep "\n" (
            [ "${indent}<dict>" ]
            ++ concatMap (n: [
              "\t${indent}<key>${text n}</key>"
              (go "\t${indent}" v.${n})
            ]) (attrNames (lib.filterAttrs (_: v: v != null) v))
            ++ [ "${indent}</dict>" ]
          );
    in
    ''
      <?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
      <plist version="1.0">
      ${go "" v}
      </plist>'';

  mkLuaInline = expr: {
    _type = "lua-inline";
    inherit expr;
  };
  toLua =
    {
      multiline ? true,
      indent ? "",
      asBindings ? false,
    }@args:
    v:
    let
      inner = "${indent}  ";
      args' = args // {
        indent = if asBindings then indent else inner;
        asBindings = false;
      };
      open = if multiline then "\n${inner}" else " ";
      close = if multiline then "\n${indent}" else " ";
    in
    if asBindings then
      lib.concatStrings (lib.mapAttrsToList (n: v: "${indent}${n} = ${toLua args' v}\n") v)
    else if v == null then
      "nil"
    else if isInt v || isFloat v || isString v || isBool v then
      builtins.toJSON v
    else if isPath v || lib.isDerivation v then
      builtins.toJSON "${v}"
    else if isList v then
      if v == [ ] then "{}" else "{${open}${lib.concatMapStringsSep ",${if multiline then "\n${inner}" else " "}" (toLua args') v}${close}}"
    else if v._type or null == "lua-inline" then
      "(${v.expr})"
    else if v == { } then
      "{}"
    else
      "{${open}${
        concatStringsSep ",${if multiline then "\n${inner}" else " "}" (
          lib.mapAttrsToList (n: v: "[${builtins.toJSON n}] = ${toLua args' v}") v
        )
      }${close}}";
}
