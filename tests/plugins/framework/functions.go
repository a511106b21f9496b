package main

import (
	"context"
	"math/big"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// fn is a function made of its parts.
type fn struct {
	name       string
	definition function.Definition
	run        func(context.Context, function.RunRequest, *function.RunResponse)
}

func (f fn) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f fn) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = f.definition
}

func (f fn) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	f.run(ctx, req, resp)
}

// echo gives its argument back: a parameter and a return type of every kind.
func echo[T any](name string, parameter function.Parameter, returns function.Return) func() function.Function {
	return func() function.Function {
		return fn{
			name:       "echo_" + name,
			definition: function.Definition{Summary: "Gives its argument back.", Parameters: []function.Parameter{parameter}, Return: returns},
			run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
				var value T
				resp.Error = function.ConcatFuncErrors(req.Arguments.Get(ctx, &value), resp.Error)
				if resp.Error == nil {
					resp.Error = resp.Result.Set(ctx, value)
				}
			},
		}
	}
}

var point = map[string]attr.Type{"x": types.NumberType, "label": types.StringType}

var functions = []func() function.Function{
	echo[types.String]("string", function.StringParameter{Name: "value"}, function.StringReturn{}),
	echo[types.Bool]("bool", function.BoolParameter{Name: "value"}, function.BoolReturn{}),
	echo[types.Int64]("int64", function.Int64Parameter{Name: "value"}, function.Int64Return{}),
	echo[types.Float64]("float64", function.Float64Parameter{Name: "value"}, function.Float64Return{}),
	echo[types.Number]("number", function.NumberParameter{Name: "value"}, function.NumberReturn{}),
	echo[types.List]("list", function.ListParameter{Name: "value", ElementType: types.StringType}, function.ListReturn{ElementType: types.StringType}),
	echo[types.Set]("set", function.SetParameter{Name: "value", ElementType: types.StringType}, function.SetReturn{ElementType: types.StringType}),
	echo[types.Map]("map", function.MapParameter{Name: "value", ElementType: types.StringType}, function.MapReturn{ElementType: types.StringType}),
	echo[types.Object]("object", function.ObjectParameter{Name: "value", AttributeTypes: point}, function.ObjectReturn{AttributeTypes: point}),
	echo[types.Dynamic]("dynamic", function.DynamicParameter{Name: "value", AllowNullValue: true}, function.DynamicReturn{}),
	func() function.Function { return sum },
	func() function.Function { return join },
}

var sum = fn{
	name: "sum",
	definition: function.Definition{
		Summary:           "Adds numbers.",
		VariadicParameter: function.NumberParameter{Name: "numbers"},
		Return:            function.NumberReturn{},
	},
	run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
		var numbers []*big.Float
		if resp.Error = req.Arguments.Get(ctx, &numbers); resp.Error != nil {
			return
		}
		total := new(big.Float).SetPrec(512)
		for _, number := range numbers {
			total.Add(total, number)
		}
		resp.Error = resp.Result.Set(ctx, total)
	},
}

var join = fn{
	name: "join",
	definition: function.Definition{
		Summary: "Joins texts; refuses empty ones.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "separator"},
			function.ListParameter{Name: "texts", ElementType: types.StringType},
		},
		Return: function.StringReturn{},
	},
	run: func(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
		var separator string
		var texts []string
		if resp.Error = req.Arguments.Get(ctx, &separator, &texts); resp.Error != nil {
			return
		}
		for _, text := range texts {
			if text == "" {
				resp.Error = function.NewArgumentFuncError(1, "a text is empty")
				return
			}
		}
		resp.Error = resp.Result.Set(ctx, strings.Join(texts, separator))
	},
}
