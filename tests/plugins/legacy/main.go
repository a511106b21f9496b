// A provider plugin (protocol 5) on terraform-plugin-sdk/v2, for the tests: the legacy type system
// with its habits (empty instead of null, computed blocks, values that the plan did not announce),
// customised differences, partial state, an import of several objects, and upgrades from older
// state versions, the oldest as a flat map.
package main

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"
)

func main() {
	plugin.Serve(&plugin.ServeOpts{ProviderFunc: newProvider})
}
