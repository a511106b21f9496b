package main

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// waitingResource is framework_waiting: it asks to be deferred while a file is missing.
type waitingResource struct{ store *store }

type waitingModel struct {
	WaitsFor types.String `tfsdk:"waits_for"`
}

func (r *waitingResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "framework_waiting"
}

func (r *waitingResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"waits_for": schema.StringAttribute{Required: true, Description: "A file that has to exist first."},
	}}
}

func (r *waitingResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var model waitingModel
	if req.Plan.Raw.IsNull() {
		return
	}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	if _, err := os.Stat(model.WaitsFor.ValueString()); err == nil && !model.WaitsFor.IsUnknown() {
		return
	}
	if !req.ClientCapabilities.DeferralAllowed {
		resp.Diagnostics.AddError("A file is missing", model.WaitsFor.ValueString())
		return
	}
	reason := resource.DeferredReasonAbsentPrereq
	if model.WaitsFor.IsUnknown() {
		reason = resource.DeferredReasonResourceConfigUnknown
	}
	resp.Deferred = &resource.Deferred{Reason: reason}
}

func (r *waitingResource) Create(_ context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = req.Plan.Raw
}

func (r *waitingResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (r *waitingResource) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

func (r *waitingResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
