# The local provider as a provider module with declared types, for deployments that import it from the flake. Where
# `providers.local` is left empty it is the same provider, and describes itself.
{ lib, withSystem ? null, resourceProviderSystem ? null, ... }:
let
  inherit (lib) mkOption types;
  required = type: description: mkOption { inherit type description; };
  optional = type: default: description: mkOption { inherit type default description; };
  # A program, or a function that finds it for the system on which providers run.
  program =
    types.coercedTo (types.addCheck types.raw lib.isFunction) (
      f:
      if withSystem == null then
        throw "`inputs.executable' is a function, but there is no `withSystem' to call it with."
      else
        withSystem resourceProviderSystem f
    ) types.str;
  argument = types.coercedTo (types.either types.path types.int) toString types.str;
in
{
  _class = "nixops4Provider";
  description = "Files, commands and values on the machine that runs NixOps4.";
  resourceTypes = {
    file = {
      description = "A file.";
      inputs.options = {
        name = required types.str "Its path.";
        contents = optional (types.nullOr types.str) null "What is in it.";
        sensitive_contents = optional (types.nullOr types.str) null "What is in it, if that is secret.";
        mode = optional (types.nullOr types.str) null "Its permissions, in octal.";
      };
      outputs.options = {
        path = required types.str "Its absolute path.";
        sha256 = required types.str "The SHA-256 of its contents, in hexadecimal.";
      };
    };
    exec = {
      description = "A command that runs on every apply.";
      inputs.options = {
        executable = required program "The program.";
        args = optional (types.listOf argument) [ ] "Its arguments.";
        stdin = optional (types.nullOr types.str) null "What it reads.";
        env = optional (types.attrsOf types.str) { } "Variables added to its environment.";
        once = optional types.bool false "Whether it runs only when the resource is created.";
      };
      outputs.options = {
        stdout = required types.str "What it wrote to standard output.";
        stderr = required types.str "The end of what it wrote to standard error.";
        exit_code = required types.int "Its exit code.";
      };
    };
    memo = {
      description = "A value that stays what it was when the resource was created.";
      requireState = true;
      inputs.options.initialize_with = required types.anything "The value.";
      outputs.options.value = required types.anything "The value kept.";
    };
    state_file = {
      description = "A file that keeps the state of a deployment.";
      inputs.options.name = required types.str "Its path.";
    };
  };
}
