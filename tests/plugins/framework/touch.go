package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// touchAction is the action framework_touch: notes that it ran, with progress on the way.
type touchAction struct{ store *store }

func (t *touchAction) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = "framework_touch"
}

func (t *touchAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true},
	}}
}

func (t *touchAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	t.store = dataOf(req.ProviderData)
}

func (t *touchAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var name types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.SendProgress(action.InvokeProgressEvent{Message: "touching " + name.ValueString()})
	if err := t.store.note("touch %s", name.ValueString()); err != nil {
		resp.Diagnostics.AddError("The touch cannot be noted", err.Error())
	}
}
