# From a provider to its functions, by name. Nix's own functions turn arguments into text, so that it
# is they who miss an output that is not there, and who are asked again when it is.
helper: provider:
let
  inherit (builtins)
    fromJSON
    nixops4Function
    seq
    toJSON
    ;

  owner =
    if provider ? program then
      { instance = fromJSON (helper.instance provider); }
    else
      {
        named = {
          executable = provider.executable or null;
          source = provider.source or null;
          version = provider.version or null;
          args = provider.args or [ ];
        };
      };

  ask =
    request:
    let
      text = toJSON (owner // request);
    in
    fromJSON (seq text (nixops4Function text));

  collect =
    call: count: arguments:
    if count == 0 then
      call arguments
    else
      argument: collect call (count - 1) (arguments ++ [ argument ]);
in
name:
collect (arguments: ask { inherit name arguments; }) (ask { inherit name; }) [ ]
