package main

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// tokenResource is the ephemeral resource framework_token: a secret that must be renewed.
type tokenResource struct{ store *store }

type tokenModel struct {
	Name       types.String `tfsdk:"name"`
	RenewAfter types.Int64  `tfsdk:"renew_after_ms"`
	Value      types.String `tfsdk:"value"`
}

func (t *tokenResource) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "framework_token"
}

func (t *tokenResource) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":           schema.StringAttribute{Required: true},
		"renew_after_ms": schema.Int64Attribute{Optional: true},
		"value":          schema.StringAttribute{Computed: true, Sensitive: true},
	}}
}

func (t *tokenResource) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	t.store = dataOf(req.ProviderData)
}

func (t *tokenResource) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model tokenModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := model.Name.ValueString()
	model.Value = types.StringValue("token-" + name)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &model)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, "name", []byte(`"`+name+`"`))...)
	if !model.RenewAfter.IsNull() {
		resp.RenewAt = time.Now().Add(time.Duration(model.RenewAfter.ValueInt64()) * time.Millisecond)
	}
	if err := t.store.note("open %s", name); err != nil {
		resp.Diagnostics.AddError("The token cannot be noted", err.Error())
	}
}

func (t *tokenResource) Renew(ctx context.Context, req ephemeral.RenewRequest, resp *ephemeral.RenewResponse) {
	name, diags := req.Private.GetKey(ctx, "name")
	resp.Diagnostics.Append(diags...)
	if err := t.store.note("renew %s", name); err != nil {
		resp.Diagnostics.AddError("The renewal cannot be noted", err.Error())
	}
}

func (t *tokenResource) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	name, diags := req.Private.GetKey(ctx, "name")
	resp.Diagnostics.Append(diags...)
	if err := t.store.note("close %s", name); err != nil {
		resp.Diagnostics.AddError("The end cannot be noted", err.Error())
	}
}
