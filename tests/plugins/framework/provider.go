package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/metaschema"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/statestore"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type frameworkProvider struct{}

func newProvider() provider.Provider { return frameworkProvider{} }

type providerConfig struct {
	Directory types.String `tfsdk:"directory"`
	Token     types.String `tfsdk:"token"`
}

func (frameworkProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "framework"
	resp.Version = "0.1.0"
}

func (frameworkProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		Description: "Every kind of thing that the framework can.",
		Attributes: map[string]schema.Attribute{
			"directory": schema.StringAttribute{
				Required:    true,
				Description: "The folder that objects live in.",
			},
			"token": schema.StringAttribute{Optional: true, Sensitive: true},
		},
	}
}

func (frameworkProvider) MetaSchema(_ context.Context, _ provider.MetaSchemaRequest, resp *provider.MetaSchemaResponse) {
	resp.Schema = metaschema.Schema{Attributes: map[string]metaschema.Attribute{
		"module": metaschema.StringAttribute{Optional: true},
	}}
}

func (frameworkProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if config.Directory.IsUnknown() {
		if req.ClientCapabilities.DeferralAllowed {
			resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
			return
		}
		resp.Diagnostics.AddError("The directory is not known", "It must be known before anything is done.")
		return
	}
	store := &store{directory: config.Directory.ValueString()}
	resp.ResourceData = store
	resp.DataSourceData = store
	resp.EphemeralResourceData = store
	resp.ListResourceData = store
	resp.ActionData = store
	resp.StateStoreData = store
}

func (frameworkProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &objectResource{} },
		func() resource.Resource { return &waitingResource{} },
	}
}

func (frameworkProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &objectData{} }}
}

func (frameworkProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return &tokenResource{} }}
}

func (frameworkProvider) Functions(context.Context) []func() function.Function { return functions }

func (frameworkProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{func() list.ListResource { return &objectList{} }}
}

func (frameworkProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{func() action.Action { return &touchAction{} }}
}

func (frameworkProvider) StateStores(context.Context) []func() statestore.StateStore {
	return []func() statestore.StateStore{func() statestore.StateStore { return &folderStore{} }}
}
