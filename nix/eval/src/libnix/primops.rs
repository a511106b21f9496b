//! The built-in functions that the shipped library uses beside those of Nix.
//!
//! They are registered for the whole process, which the safe bindings have no way to do; so this is
//! the one file that calls the C API itself. Nothing here raises an error for an output that is not
//! there: Nix 2.34 and later remember errors of functions, except for those that the safe bindings
//! mark as recoverable (see [`super::outputs::Shared::look`]).

use std::cell::Cell;
use std::ffi::{CStr, CString, c_void};
use std::ptr;
use std::rc::Rc;

use anyhow::{Result, anyhow, bail};
use nix_bindings_expr::eval_state::EvalState;
use nix_bindings_expr_sys as raw;
use nix_bindings_store::store::Store;
use nix_bindings_util::context::Context;
use nix_bindings_util::string_return::{
    callback_get_result_string, callback_get_result_string_data,
};
use nix_bindings_util::{check_call, result_string_init};
use nix_bindings_util_sys as raw_util;
use nixops4_lang::Marks;

use super::failure;
use super::outputs::Shared;

/// What a function is given: its arguments, and where its value goes.
struct Call {
    state: *mut raw::EvalState,
    args: *mut *mut raw::Value,
    ret: *mut raw::Value,
}

type Function = fn(&Shared, &Call) -> Result<()>;

/// The evaluation state that evaluates now. What Nix 2.26 hands to a function as its state is a
/// pointer to something else than what its C API takes.
pub struct Current(Cell<*mut raw::EvalState>);

impl Default for Current {
    fn default() -> Self {
        Current(Cell::new(ptr::null_mut()))
    }
}

impl Current {
    /// From now on it is this one. It is the last that was made: those before are given up.
    pub fn set(&self, state: &EvalState) {
        // SAFETY: the pointer is used only in calls from an evaluation in this very state.
        self.0.set(unsafe { state.raw_ptr() });
    }
}

/// What Nix hands back with a call.
struct Entry {
    shared: Rc<Shared>,
    function: Function,
}

/// How many names the outermost scope of an evaluation has room for. Nix checks no more than that
/// there are enough for its own.
const ROOM: i64 = 128;

/// Makes the functions part of `builtins` of every evaluation that begins later.
pub fn register(shared: &Rc<Shared>) -> Result<()> {
    let functions: [(&CStr, &CStr, i32, Function); 7] = [
        (c"__isKnown", c"value", 1, is_known),
        (c"__isSensitive", c"value", 1, is_sensitive),
        (c"__mark", c"mark", 1, mark),
        (c"__nixops4Function", c"request", 1, function),
        (c"__nixops4Marked", c"mark", 1, marked),
        (c"__openAttrs", c"make", 1, open_attrs),
        (c"__providerFunction", c"provider", 1, provider_function),
    ];
    // Every built-in has a name there, and so has the set of them.
    let mut plain = EvalState::new(Store::open(Some("dummy://"), [])?, [])?;
    let count = plain.eval_from_string("builtins.length (builtins.attrNames builtins)", "/")?;
    let count = plain.require_int(&count)?;
    if count + 1 + functions.len() as i64 > ROOM {
        bail!("it has {count} already, which leaves no room");
    }
    for (name, arg, arity, function) in functions {
        // Registered for good.
        let entry = Box::into_raw(Box::new(Entry {
            shared: shared.clone(),
            function,
        }));
        let mut args = [arg.as_ptr(), ptr::null()];
        let mut context = Context::new();
        // SAFETY: the texts end with a zero, the list of arguments with a null; `entry` lives on.
        unsafe {
            let primop = check_call!(raw::alloc_primop(
                &mut context,
                Some(call),
                arity,
                name.as_ptr(),
                args.as_mut_ptr(),
                c"Used by the library of NixOps4.".as_ptr(),
                entry.cast::<c_void>()
            ))?;
            check_call!(raw::register_primop(&mut context, primop))?;
        }
    }
    Ok(())
}

/// What Nix calls.
unsafe extern "C" fn call(
    entry: *mut c_void,
    context: *mut raw_util::c_context,
    _: *mut raw::EvalState,
    args: *mut *mut raw::Value,
    ret: *mut raw::Value,
) {
    // SAFETY: this is the pointer that was registered, and its target is never freed.
    let entry = unsafe { &*entry.cast::<Entry>() };
    let state = entry.shared.current.0.get();
    if state.is_null() {
        // Nothing has been made ready that could ask.
        return;
    }
    let call = Call { state, args, ret };
    if let Err(error) = (entry.function)(&entry.shared, &call) {
        let text = error.to_string().replace('\0', "");
        let text = CString::new(text).unwrap_or_default();
        // SAFETY: the context is that of this call, the text ends with a zero.
        unsafe { raw_util::set_err_msg(context, raw_util::err_NIX_ERR_UNKNOWN, text.as_ptr()) };
    }
}

impl Call {
    /// The only argument.
    fn arg(&self) -> *mut raw::Value {
        // SAFETY: every function here is registered with one argument.
        unsafe { *self.args }
    }

    fn force(&self) -> Result<()> {
        let mut context = Context::new();
        // SAFETY: the argument is alive during the call.
        unsafe { check_call!(raw::value_force(&mut context, self.state, self.arg()))? };
        Ok(())
    }

    fn text(&self) -> Result<String> {
        self.force()?;
        let mut context = Context::new();
        let mut text: Result<String> = result_string_init!();
        // SAFETY: the callback and its data belong together.
        unsafe {
            check_call!(raw::get_string(
                &mut context,
                self.arg(),
                Some(callback_get_result_string),
                callback_get_result_string_data(&mut text)
            ))?;
        }
        text
    }

    fn give_bool(&self, value: bool) -> Result<()> {
        let mut context = Context::new();
        // SAFETY: `ret` is for us to fill.
        unsafe { check_call!(raw::init_bool(&mut context, self.ret, value))? };
        Ok(())
    }

    /// Gives what a function, a text in Nix, makes of the argument.
    fn apply(&self, text: &str) -> Result<()> {
        let mut context = Context::new();
        let text = CString::new(text)?;
        // SAFETY: what is allocated is released, and the argument is alive during the call.
        unsafe {
            let function = check_call!(raw::alloc_value(&mut context, self.state))?;
            let made = check_call!(raw::expr_eval_from_string(
                &mut context,
                self.state,
                text.as_ptr(),
                c"/".as_ptr(),
                function
            ));
            let applied = match made {
                Ok(_) => check_call!(raw::value_call(
                    &mut context,
                    self.state,
                    function,
                    self.arg(),
                    self.ret
                )),
                Err(error) => Err(error),
            };
            raw::value_decref(ptr::null_mut(), function);
            applied?;
        }
        Ok(())
    }

    /// Gives the value of a text in Nix.
    fn give(&self, text: &str) -> Result<()> {
        let mut context = Context::new();
        let text = CString::new(text)?;
        // SAFETY: `ret` is for us to fill, the texts end with a zero.
        unsafe {
            check_call!(raw::expr_eval_from_string(
                &mut context,
                self.state,
                text.as_ptr(),
                c"/".as_ptr(),
                self.ret
            ))?;
        }
        Ok(())
    }
}

/// Whether a value's outermost form can be had now, or waits for outputs.
fn is_known(shared: &Shared, call: &Call) -> Result<()> {
    let known = match call.force() {
        Ok(()) => true,
        Err(error) => {
            let text = error.to_string();
            if let Some(name) = failure::missing_attribute(&text) {
                shared.miss(&name);
            }
            let awaited = shared.awaited_in(&text);
            let known = awaited.is_empty();
            shared.catch(awaited);
            known
        }
    };
    call.give_bool(known)
}

/// Whether a value may be sensitive: it is taken to be as soon as anything was that was read.
fn is_sensitive(shared: &Shared, call: &Call) -> Result<()> {
    // Whatever error there is comes again where the value is used.
    let _ = call.force();
    call.give_bool(shared.marks().is_sensitive())
}

/// The function that marks a value. It says so each time it is called, and not before.
fn mark(_: &Shared, call: &Call) -> Result<()> {
    let name = call.text()?;
    marks_of(&name)?;
    call.give(&format!(
        "value: builtins.seq value (builtins.seq (builtins.nixops4Marked \"{name}\") value)"
    ))
}

/// Notes that a value was marked.
fn marked(shared: &Shared, call: &Call) -> Result<()> {
    shared.mark(marks_of(&call.text()?)?);
    call.give_bool(true)
}

fn marks_of(name: &str) -> Result<Marks> {
    match name {
        "sensitive" => Ok(Marks::SENSITIVE),
        "ephemeral" => Ok(Marks::EPHEMERAL),
        _ => Err(anyhow!("there is no mark `{name}'")),
    }
}

/// The function that makes a set which has whatever attribute is asked for: those that were missed
/// so far. What misses one more is evaluated again from the start.
fn open_attrs(shared: &Shared, call: &Call) -> Result<()> {
    let names = serde_json::to_string(&shared.open_names())?;
    let names = nixops4_lang::quoted(names.as_bytes());
    call.apply(&format!(
        "make: attrs: builtins.listToAttrs (map (name: {{ inherit name; value = make name; }}) \
         (builtins.fromJSON {names})) // attrs"
    ))
}

/// The functions of a provider.
fn provider_function(_: &Shared, call: &Call) -> Result<()> {
    call.apply(&super::functions::text())
}

/// What a provider says of a function, or what the function comes to.
fn function(shared: &Shared, call: &Call) -> Result<()> {
    let answer = shared.ask_function(&call.text()?)?;
    call.give(&nixops4_lang::quoted(answer.as_bytes()))
}
