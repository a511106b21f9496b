package main

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// UpgradeState knows two older versions: 0 called the name `title`, 1 had no `zones`.
func (r *objectResource) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	return map[int64]resource.StateUpgrader{
		0: {StateUpgrader: upgradeFrom("title")},
		1: {StateUpgrader: upgradeFrom("name")},
	}
}

func upgradeFrom(nameAttribute string) func(context.Context, resource.UpgradeStateRequest, *resource.UpgradeStateResponse) {
	return func(ctx context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
		var old map[string]any
		if err := json.Unmarshal(req.RawState.JSON, &old); err != nil {
			resp.Diagnostics.AddError("The old state is not JSON", err.Error())
			return
		}
		name, ok := old[nameAttribute].(string)
		if !ok {
			resp.Diagnostics.AddError("The old state cannot be upgraded", "It has no "+nameAttribute+".")
			return
		}
		id, _ := old["id"].(string)
		// The framework leaves it to us to begin with an empty state.
		resp.State.Raw = tftypes.NewValue(resp.State.Schema.Type().TerraformType(ctx), nil)
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), name)...)
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("zones"), []string{"here"})...)
	}
}

// MoveState takes over objects of the type `old_object` of any provider.
func (r *objectResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		if req.SourceTypeName != "old_object" {
			return
		}
		var old map[string]any
		if err := json.Unmarshal(req.SourceRawState.JSON, &old); err != nil {
			resp.Diagnostics.AddError("The moved state is not JSON", err.Error())
			return
		}
		id, _ := old["id"].(string)
		name, _ := old["name"].(string)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("id"), id)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), name)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("zones"), []string{"here"})...)
	}}}
}
