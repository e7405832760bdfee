package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Callable;
import dev.zhulong.text.chat.jinja.Python.Namespace;
import dev.zhulong.text.chat.jinja.Python.Tuple;
import dev.zhulong.text.chat.jinja.Python.Undefined;
import dev.zhulong.text.chat.jinja.Statement.Signature;
import dev.zhulong.text.chat.jinja.Statement.Target;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs the statements of one rendering. */
final class Interpreter {
    private enum Flow { ON, BREAK, CONTINUE }

    /** Names, and those around them. */
    private record Scope(Map<String, Object> names, Scope outer) {
        Scope(Scope outer) {
            this(new HashMap<>(), outer);
        }

        Object find(String name) {
            for (Scope scope = this; scope != null; scope = scope.outer) {
                if (scope.names.containsKey(name)) {
                    return scope.names.get(name);
                }
            }
            return new Undefined("'" + name + "'");
        }
    }

    private final Limits limits;
    private final Operators operators;
    private Scope scope;
    private TextBuilder out;

    Interpreter(Map<String, Object> globals, Limits limits) {
        this.limits = limits;
        this.operators = new Operators(limits);
        scope = new Scope(new HashMap<>(globals), null);
        // what the template sets is its own
        scope = new Scope(scope);
        out = new TextBuilder(limits);
    }

    Text run(List<Statement> statements) {
        all(statements);
        return out.toText();
    }

    private Flow all(List<Statement> statements) {
        for (Statement statement : statements) {
            limits.work(1);
            Flow flow;
            try {
                flow = one(statement);
            } catch (TemplateException e) {
                throw e.at(statement.line());
            }
            if (flow != Flow.ON) {
                return flow;
            }
        }
        return Flow.ON;
    }

    private Flow one(Statement statement) {
        switch (statement) {
            case Statement.Data data -> out.append(data.text());
            case Statement.Print print -> out.append(Python.str(eval(print.value()), limits));
            case Statement.If conditional -> {
                for (int i = 0; i < conditional.tests().size(); i++) {
                    if (Python.truth(eval(conditional.tests().get(i)))) {
                        return all(conditional.bodies().get(i));
                    }
                }
                return all(conditional.otherwise());
            }
            case Statement.For loop -> loop(loop, Python.iterate(eval(loop.values()), limits), 0);
            case Statement.SetValue set -> assign(set.target(), eval(set.value()));
            case Statement.SetBlock set -> {
                Object value = captured(set.body(), set.value());
                assign(set.target(), value);
            }
            case Statement.FilterBlock filter -> out.append(Python.str(captured(filter.body(), filter.value()), limits));
            case Statement.MacroDefinition macro -> scope.names.put(macro.signature().name(), macro(macro.signature(), macro.body(), scope));
            case Statement.CallBlock call -> {
                Callable caller = macro(call.signature(), call.body(), scope);
                Object function = eval(call.call().function());
                Arguments arguments = arguments(call.call().passed());
                arguments.named().put("caller", caller);
                out.append(Python.str(call(function, arguments), limits));
            }
            case Statement.With with -> {
                List<Object> values = with.values().stream().map(this::eval).toList();
                return inside(new Scope(scope), () -> {
                    for (int i = 0; i < values.size(); i++) {
                        assign(with.targets().get(i), values.get(i));
                    }
                    return all(with.body());
                });
            }
            case Statement.Generation generation -> {
                Text text = capture(generation.body());
                out.append(text.marked(Text.GENERATED));
            }
            case Statement.Break _ -> {
                return Flow.BREAK;
            }
            case Statement.Continue _ -> {
                return Flow.CONTINUE;
            }
        }
        return Flow.ON;
    }

    private interface Body {
        Flow run();
    }

    private Flow inside(Scope inner, Body body) {
        Scope before = scope;
        scope = inner;
        limits.enter();
        try {
            return body.run();
        } finally {
            limits.leave();
            scope = before;
        }
    }

    /** What the body writes; a loop is not left from inside. */
    private Text capture(List<Statement> body) {
        TextBuilder before = out;
        out = new TextBuilder(limits);
        limits.enter();
        try {
            all(body);
            return out.toText();
        } finally {
            limits.leave();
            out = before;
        }
    }

    private Object captured(List<Statement> body, Expr value) {
        Object[] result = new Object[1];
        inside(new Scope(scope), () -> {
            Text text = capture(body);
            scope.names.put(Statement.BODY, text);
            result[0] = eval(value);
            return Flow.ON;
        });
        return result[0];
    }

    /**
     * What {@code loop} is.
     *
     * @param state by the names of its attributes
     * @param again runs the loop for other values; null where it is not recursive
     */
    record Loop(Map<Object, Object> state, Callable again) {}

    /** The same loop, a level deeper; names that it does not set are those around it. */
    private Callable again(Statement.For loop, Scope around, int depth) {
        return arguments -> {
            List<Object> values = Python.iterate(arguments.required(0, "iterable"), limits);
            TextBuilder before = out;
            out = new TextBuilder(limits);
            try {
                inside(around, () -> {
                    loop(loop, values, depth + 1);
                    return Flow.ON;
                });
                return out.toText();
            } finally {
                out = before;
            }
        };
    }

    private void loop(Statement.For loop, List<Object> given, int depth) {
        List<Object> values = given;
        Callable again = loop.recursive() ? again(loop, scope, depth) : null;
        if (loop.condition() != null) {
            List<Object> kept = new ArrayList<>();
            for (Object value : values) {
                inside(new Scope(scope), () -> {
                    assign(loop.target(), value);
                    if (Python.truth(eval(loop.condition()))) {
                        kept.add(value);
                    }
                    return Flow.ON;
                });
            }
            values = kept;
        }
        if (values.isEmpty()) {
            inside(new Scope(scope), () -> all(loop.otherwise()));
            return;
        }
        List<Object> items = values;
        Object[] changed = {null};
        for (int i = 0; i < items.size(); i++) {
            var state = new Loop(state(items, i, changed, depth), again);
            Object value = items.get(i);
            limits.work(4);
            Flow flow = inside(new Scope(scope), () -> {
                scope.names.put("loop", state);
                assign(loop.target(), value);
                return all(loop.body());
            });
            if (flow == Flow.BREAK) {
                break;
            }
        }
    }

    private static Map<Object, Object> state(List<Object> items, int i, Object[] changed, long depth) {
        Map<Object, Object> state = new LinkedHashMap<>();
        long n = items.size();
        state.put(Text.of("index"), i + 1L);
        state.put(Text.of("index0"), (long) i);
        state.put(Text.of("revindex"), n - i);
        state.put(Text.of("revindex0"), n - i - 1);
        state.put(Text.of("first"), i == 0);
        state.put(Text.of("last"), i == n - 1);
        state.put(Text.of("length"), n);
        state.put(Text.of("depth"), depth + 1);
        state.put(Text.of("depth0"), depth);
        state.put(Text.of("previtem"), i == 0 ? new Undefined("there is no previous item") : items.get(i - 1));
        state.put(Text.of("nextitem"), i == n - 1 ? new Undefined("there is no next item") : items.get(i + 1));
        state.put(Text.of("cycle"), (Callable) arguments -> {
            if (arguments.positional().isEmpty()) {
                throw new TemplateException("loop.cycle needs something to go through");
            }
            return arguments.positional().get(i % arguments.positional().size());
        });
        state.put(Text.of("changed"), (Callable) arguments -> {
            boolean other = changed[0] == null || !Python.equal(changed[0], new Tuple(arguments.positional()));
            changed[0] = new Tuple(arguments.positional());
            return other;
        });
        return state;
    }

    private void assign(Target target, Object value) {
        switch (target) {
            case Target.Variable variable -> scope.names.put(variable.name(), value);
            case Target.OfNamespace of -> {
                if (!(scope.find(of.namespace()) instanceof Namespace namespace)) {
                    throw new TemplateException("only attributes of a namespace can be set, and '" + of.namespace() + "' is none");
                }
                namespace.fields().put(Text.of(of.attribute()), value);
            }
            case Target.Several several -> {
                List<Object> values = Python.iterate(value, limits);
                if (values.size() != several.targets().size()) {
                    throw new TemplateException("expected " + several.targets().size() + " values to unpack, found " + values.size());
                }
                for (int i = 0; i < values.size(); i++) {
                    assign(several.targets().get(i), values.get(i));
                }
            }
        }
    }

    private Callable macro(Signature signature, List<Statement> body, Scope around) {
        return arguments -> {
            Scope inner = new Scope(around);
            List<String> names = signature.parameters();
            int firstDefault = names.size() - signature.defaults().size();
            Object[] text = new Object[1];
            inside(inner, () -> {
                for (int i = 0; i < names.size(); i++) {
                    String name = names.get(i);
                    Object value;
                    if (arguments.has(i, name)) {
                        value = arguments.get(i, name, null);
                    } else {
                        value = i >= firstDefault ? eval(signature.defaults().get(i - firstDefault)) : new Undefined("parameter '" + name + "'");
                    }
                    inner.names.put(name, value);
                }
                if (arguments.positional().size() > names.size()) {
                    inner.names.put("varargs", new Tuple(arguments.positional().subList(names.size(), arguments.positional().size())));
                }
                if (arguments.named().containsKey("caller")) {
                    inner.names.put("caller", arguments.named().get("caller"));
                }
                text[0] = capture(body);
                return Flow.ON;
            });
            return text[0];
        };
    }

    // ---- expressions ----

    private Object eval(Expr expression) {
        limits.work(1);
        limits.enter();
        try {
            return value(expression);
        } catch (TemplateException e) {
            throw e.at(expression.line());
        } finally {
            limits.leave();
        }
    }

    private Object value(Expr expression) {
        return switch (expression) {
            case Expr.Literal literal -> literal.value();
            case Expr.Name name -> scope.find(name.name());
            case Expr.TupleOf tuple -> new Tuple(values(tuple.items()));
            case Expr.ListOf list -> values(list.items());
            case Expr.DictOf dict -> {
                Map<Object, Object> map = new LinkedHashMap<>();
                for (int i = 0; i < dict.keys().size(); i++) {
                    map.put(Python.key(eval(dict.keys().get(i))), eval(dict.values().get(i)));
                }
                yield map;
            }
            case Expr.Conditional conditional -> Python.truth(eval(conditional.test())) ? eval(conditional.then())
                    : conditional.otherwise() == null ? new Undefined("the value of an if without else") : eval(conditional.otherwise());
            case Expr.And and -> {
                Object left = eval(and.left());
                yield Python.truth(left) ? eval(and.right()) : left;
            }
            case Expr.Or or -> {
                Object left = eval(or.left());
                yield Python.truth(left) ? left : eval(or.right());
            }
            case Expr.Not not -> !Python.truth(eval(not.value()));
            case Expr.Sign sign -> operators.sign(sign.negative(), eval(sign.value()));
            case Expr.Binary binary -> operators.binary(binary.operator(), eval(binary.left()), eval(binary.right()));
            case Expr.Concat concat -> {
                var text = new TextBuilder(limits);
                concat.parts().forEach(part -> text.append(Python.str(eval(part), limits)));
                yield text.toText();
            }
            case Expr.Compare compare -> compare(compare);
            case Expr.Attribute attribute -> Members.attribute(eval(attribute.target()), attribute.name());
            case Expr.Item item -> Members.item(eval(item.target()), eval(item.key()));
            case Expr.Slice slice -> operators.slice(eval(slice.target()), slice.from() == null ? null : eval(slice.from()),
                    slice.to() == null ? null : eval(slice.to()), slice.step() == null ? null : eval(slice.step()));
            case Expr.Call call -> call(eval(call.function()), arguments(call.passed()));
            case Expr.Filter filter -> Filters.apply(filter.name(), eval(filter.value()), arguments(filter.passed()));
            case Expr.Test test -> Tests.apply(test.name(), eval(test.value()), arguments(test.passed())) != test.negated();
        };
    }

    private List<Object> values(List<Expr> expressions) {
        List<Object> values = new ArrayList<>(expressions.size());
        expressions.forEach(expression -> values.add(eval(expression)));
        return values;
    }

    private boolean compare(Expr.Compare compare) {
        Object left = eval(compare.first());
        for (int i = 0; i < compare.operators().size(); i++) {
            Object right = eval(compare.rest().get(i));
            boolean holds = switch (compare.operators().get(i)) {
                case "==" -> Python.equal(left, right);
                case "!=" -> !Python.equal(left, right);
                case "in" -> Python.contains(right, left, limits);
                case "not in" -> !Python.contains(right, left, limits);
                case "<" -> Python.compare(left, right) < 0;
                case "<=" -> Python.compare(left, right) <= 0;
                case ">" -> Python.compare(left, right) > 0;
                default -> Python.compare(left, right) >= 0;
            };
            if (!holds) {
                return false;
            }
            left = right;
        }
        return true;
    }

    private Arguments arguments(Expr.Passed passed) {
        List<Object> positional = values(passed.positional());
        if (passed.rest() != null) {
            positional.addAll(Python.iterate(eval(passed.rest()), limits));
        }
        Map<String, Object> named = new LinkedHashMap<>();
        for (int i = 0; i < passed.names().size(); i++) {
            named.put(passed.names().get(i), eval(passed.named().get(i)));
        }
        if (passed.more() != null) {
            if (!(eval(passed.more()) instanceof Map<?, ?> more)) {
                throw new TemplateException("** needs a dictionary");
            }
            more.forEach((key, value) -> named.put(String.valueOf(key), value));
        }
        return new Arguments(positional, named, limits);
    }

    private static Object call(Object function, Arguments arguments) {
        return switch (function) {
            case Callable callable -> callable.call(arguments);
            case Undefined undefined -> throw undefined.error();
            case Loop loop when loop.again() != null -> loop.again().call(arguments);
            case Loop _ -> throw new TemplateException("a loop that is called must be marked recursive");
            case null, default -> throw new TemplateException("a " + Python.type(function) + " can't be called");
        };
    }
}
