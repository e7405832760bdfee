package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Lexer.Kind;
import dev.zhulong.text.chat.jinja.Lexer.Token;
import dev.zhulong.text.chat.jinja.Statement.Signature;
import dev.zhulong.text.chat.jinja.Statement.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Tokens to statements, by jinja2's grammar. */
final class Parser {
    /** Brackets, tags and operators inside one another. */
    private static final int DEEPEST = 150;
    private static final Set<String> NOT_A_TEST_ARGUMENT = Set.of("else", "or", "and", "is", "not", "in", "if");

    private final List<Token> tokens;
    private int at;
    private int depth;

    private Parser(List<Token> tokens) {
        this.tokens = tokens;
    }

    static List<Statement> parse(String template) {
        var parser = new Parser(Lexer.tokens(template));
        try {
            List<Statement> all = parser.statements(Set.of());
            if (parser.token().kind() != Kind.END) {
                throw parser.unexpected();
            }
            return all;
        } catch (TemplateException e) {
            throw e.at(parser.token().line());
        }
    }

    private Token token() {
        return tokens.get(at);
    }

    private Token next() {
        Token token = tokens.get(at);
        if (token.kind() != Kind.END) {
            at++;
        }
        return token;
    }

    private TemplateException unexpected() {
        return new TemplateException("unexpected " + token().shown());
    }

    private void enter() {
        if (++depth > DEEPEST) {
            throw new TemplateException("nested more than " + DEEPEST + " deep");
        }
    }

    private boolean take(String operator) {
        if (token().is(operator)) {
            at++;
            return true;
        }
        return false;
    }

    private boolean takeName(String name) {
        if (token().name(name)) {
            at++;
            return true;
        }
        return false;
    }

    private void expect(String operator) {
        if (!take(operator)) {
            throw new TemplateException("expected '" + operator + "', found " + token().shown());
        }
    }

    private void expectName(String name) {
        if (!takeName(name)) {
            throw new TemplateException("expected '" + name + "', found " + token().shown());
        }
    }

    private void expect(Kind kind) {
        if (token().kind() != kind) {
            throw unexpected();
        }
        at++;
    }

    private String name() {
        if (token().kind() != Kind.NAME) {
            throw new TemplateException("expected a name, found " + token().shown());
        }
        return next().text();
    }

    /** Up to a tag named in {@code ends}, whose opening is consumed and name is not. */
    private List<Statement> statements(Set<String> ends) {
        enter();
        List<Statement> all = new ArrayList<>();
        while (true) {
            Token token = token();
            switch (token.kind()) {
                case DATA -> {
                    at++;
                    all.add(new Statement.Data(Text.of(token.text()), token.line()));
                }
                case PRINT_BEGIN -> {
                    at++;
                    all.add(new Statement.Print(tuple(true), token.line()));
                    expect(Kind.PRINT_END);
                }
                case BLOCK_BEGIN -> {
                    at++;
                    if (token().kind() == Kind.NAME && ends.contains(token().text())) {
                        depth--;
                        return all;
                    }
                    all.add(statement());
                }
                default -> {
                    if (!ends.isEmpty()) {
                        throw new TemplateException("expected " + String.join(" or ", ends.stream().sorted().toList()) + ", found " + token.shown());
                    }
                    depth--;
                    return all;
                }
            }
        }
    }

    /** The body of a tag whose name is consumed, its end included. */
    private List<Statement> body(String end) {
        expect(Kind.BLOCK_END);
        List<Statement> body = statements(Set.of(end));
        at++;
        return body;
    }

    private Statement statement() {
        int line = token().line();
        String tag = name();
        Statement statement = switch (tag) {
            case "if" -> conditional(line);
            case "for" -> loop(line);
            case "set" -> set(line);
            case "macro" -> {
                Signature signature = signature(name());
                yield new Statement.MacroDefinition(signature, body("endmacro"), line);
            }
            case "call" -> {
                Signature signature = token().is("(") ? signature("caller") : new Signature("caller", List.of(), List.of());
                if (!(expression() instanceof Expr.Call call)) {
                    throw new TemplateException("call needs a call of a macro");
                }
                yield new Statement.CallBlock(signature, call, body("endcall"), line);
            }
            case "filter" -> {
                Expr value = filters(new Expr.Name(Statement.BODY, line), true);
                yield new Statement.FilterBlock(value, body("endfilter"), line);
            }
            case "with" -> with(line);
            case "generation" -> new Statement.Generation(body("endgeneration"), line);
            case "break" -> new Statement.Break(line);
            case "continue" -> new Statement.Continue(line);
            default -> throw new TemplateException("unknown tag '" + tag + "'");
        };
        expect(Kind.BLOCK_END);
        return statement;
    }

    private Statement conditional(int line) {
        List<Expr> tests = new ArrayList<>();
        List<List<Statement>> bodies = new ArrayList<>();
        List<Statement> otherwise = List.of();
        tests.add(tuple(true));
        while (true) {
            expect(Kind.BLOCK_END);
            List<Statement> body = statements(Set.of("elif", "else", "endif"));
            if (bodies.size() < tests.size()) {
                bodies.add(body);
            } else {
                otherwise = body;
            }
            String tag = name();
            if (tag.equals("endif")) {
                return new Statement.If(tests, bodies, otherwise, line);
            }
            if (bodies.size() == tests.size() && tag.equals("elif") && otherwise.isEmpty()) {
                tests.add(tuple(true));
            } else if (!tag.equals("else")) {
                throw new TemplateException("unexpected 'elif' after 'else'");
            }
        }
    }

    private Statement loop(int line) {
        Target target = target();
        expectName("in");
        Expr values = tuple(false);
        Expr condition = takeName("if") ? expression() : null;
        boolean recursive = takeName("recursive");
        expect(Kind.BLOCK_END);
        List<Statement> body = statements(Set.of("else", "endfor"));
        List<Statement> otherwise = List.of();
        if (name().equals("else")) {
            expect(Kind.BLOCK_END);
            otherwise = statements(Set.of("endfor"));
            at++;
        }
        return new Statement.For(target, values, condition, recursive, body, otherwise, line);
    }

    private Statement set(int line) {
        Target target = target();
        if (take("=")) {
            return new Statement.SetValue(target, tuple(true), line);
        }
        Expr value = filters(new Expr.Name(Statement.BODY, line), false);
        return new Statement.SetBlock(target, value, body("endset"), line);
    }

    private Statement with(int line) {
        List<Target> targets = new ArrayList<>();
        List<Expr> values = new ArrayList<>();
        while (token().kind() != Kind.BLOCK_END) {
            if (!targets.isEmpty()) {
                expect(",");
            }
            targets.add(new Target.Variable(name()));
            expect("=");
            values.add(expression());
        }
        return new Statement.With(targets, values, body("endwith"), line);
    }

    private Target target() {
        List<Target> targets = new ArrayList<>();
        boolean several = false;
        do {
            if (several && token().kind() != Kind.NAME && !token().is("(")) {
                break;
            }
            if (take("(")) {
                enter();
                targets.add(target());
                depth--;
                expect(")");
            } else {
                String name = name();
                targets.add(take(".") ? new Target.OfNamespace(name, name()) : new Target.Variable(name));
            }
            several |= token().is(",");
        } while (take(","));
        return several ? new Target.Several(targets) : targets.getFirst();
    }

    private Signature signature(String name) {
        List<String> parameters = new ArrayList<>();
        List<Expr> defaults = new ArrayList<>();
        expect("(");
        while (!token().is(")")) {
            if (!parameters.isEmpty()) {
                expect(",");
            }
            parameters.add(name());
            if (take("=")) {
                defaults.add(expression());
            } else if (!defaults.isEmpty()) {
                throw new TemplateException("a parameter without a default after one that has one");
            }
        }
        expect(")");
        return new Signature(name, parameters, defaults);
    }

    // ---- expressions ----

    private Expr tuple(boolean conditions) {
        int line = token().line();
        Expr first = conditions ? expression() : or();
        if (!token().is(",")) {
            return first;
        }
        List<Expr> items = new ArrayList<>(List.of(first));
        while (take(",")) {
            Kind kind = token().kind();
            if (kind == Kind.BLOCK_END || kind == Kind.PRINT_END || token().is(")")) {
                break;
            }
            items.add(conditions ? expression() : or());
        }
        return new Expr.TupleOf(items, line);
    }

    private Expr expression() {
        enter();
        int line = token().line();
        Expr value = or();
        while (takeName("if")) {
            Expr test = or();
            value = new Expr.Conditional(test, value, takeName("else") ? expression() : null, line);
        }
        depth--;
        return value;
    }

    private Expr or() {
        int line = token().line();
        Expr left = and();
        while (takeName("or")) {
            left = new Expr.Or(left, and(), line);
        }
        return left;
    }

    private Expr and() {
        int line = token().line();
        Expr left = not();
        while (takeName("and")) {
            left = new Expr.And(left, not(), line);
        }
        return left;
    }

    private Expr not() {
        int line = token().line();
        if (takeName("not")) {
            enter();
            Expr value = new Expr.Not(not(), line);
            depth--;
            return value;
        }
        return compare();
    }

    private Expr compare() {
        int line = token().line();
        Expr first = sum();
        List<String> operators = new ArrayList<>();
        List<Expr> rest = new ArrayList<>();
        while (true) {
            Token token = token();
            if (token.kind() == Kind.OPERATOR && Set.of("==", "!=", "<", "<=", ">", ">=").contains(token.text())) {
                at++;
                operators.add(token.text());
            } else if (token.name("in")) {
                at++;
                operators.add("in");
            } else if (token.name("not") && tokens.get(at + 1).name("in")) {
                at += 2;
                operators.add("not in");
            } else {
                return operators.isEmpty() ? first : new Expr.Compare(first, operators, rest, line);
            }
            rest.add(sum());
        }
    }

    private Expr sum() {
        int line = token().line();
        Expr left = concat();
        while (token().is("+") || token().is("-")) {
            String operator = next().text();
            left = new Expr.Binary(operator, left, concat(), line);
        }
        return left;
    }

    private Expr concat() {
        int line = token().line();
        Expr first = product();
        if (!token().is("~")) {
            return first;
        }
        List<Expr> parts = new ArrayList<>(List.of(first));
        while (take("~")) {
            parts.add(product());
        }
        return new Expr.Concat(parts, line);
    }

    private Expr product() {
        int line = token().line();
        Expr left = power();
        while (token().is("*") || token().is("/") || token().is("//") || token().is("%")) {
            String operator = next().text();
            left = new Expr.Binary(operator, left, power(), line);
        }
        return left;
    }

    private Expr power() {
        int line = token().line();
        Expr left = unary(true);
        while (take("**")) {
            left = new Expr.Binary("**", left, unary(true), line);
        }
        return left;
    }

    private Expr unary(boolean filters) {
        enter();
        int line = token().line();
        Expr value;
        if (token().is("-") || token().is("+")) {
            boolean negative = next().text().equals("-");
            value = new Expr.Sign(negative, unary(false), line);
        } else {
            value = primary();
        }
        value = postfix(value);
        depth--;
        return filters ? filters(value, false) : value;
    }

    private Expr primary() {
        Token token = next();
        int line = token.line();
        return switch (token.kind()) {
            case NAME -> switch (token.text()) {
                case "true", "True" -> new Expr.Literal(true, line);
                case "false", "False" -> new Expr.Literal(false, line);
                case "none", "None" -> new Expr.Literal(null, line);
                default -> new Expr.Name(token.text(), line);
            };
            case STRING -> {
                var text = new StringBuilder(token.text());
                while (token().kind() == Kind.STRING) {
                    text.append(next().text());
                }
                yield new Expr.Literal(Text.of(text.toString()), line);
            }
            case NUMBER -> new Expr.Literal(token.value(), line);
            case OPERATOR -> switch (token.text()) {
                case "(" -> {
                    if (take(")")) {
                        yield new Expr.TupleOf(List.of(), line);
                    }
                    Expr inside = tuple(true);
                    expect(")");
                    yield inside;
                }
                case "[" -> new Expr.ListOf(items("]"), line);
                case "{" -> dictionary(line);
                default -> {
                    at--;
                    throw unexpected();
                }
            };
            default -> {
                at -= token.kind() == Kind.END ? 0 : 1;
                throw unexpected();
            }
        };
    }

    private List<Expr> items(String close) {
        List<Expr> items = new ArrayList<>();
        while (!take(close)) {
            if (!items.isEmpty()) {
                expect(",");
                if (take(close)) {
                    break;
                }
            }
            items.add(expression());
        }
        return items;
    }

    private Expr dictionary(int line) {
        List<Expr> keys = new ArrayList<>();
        List<Expr> values = new ArrayList<>();
        while (!take("}")) {
            if (!keys.isEmpty()) {
                expect(",");
                if (take("}")) {
                    break;
                }
            }
            keys.add(expression());
            expect(":");
            values.add(expression());
        }
        return new Expr.DictOf(keys, values, line);
    }

    private Expr postfix(Expr start) {
        Expr value = start;
        while (true) {
            int line = token().line();
            if (take(".")) {
                Token key = next();
                if (key.kind() == Kind.NAME) {
                    value = new Expr.Attribute(value, key.text(), line);
                } else if (key.kind() == Kind.NUMBER && key.value() instanceof Long) {
                    value = new Expr.Item(value, new Expr.Literal(key.value(), line), line);
                } else {
                    throw new TemplateException("expected a name after '.', found " + key.shown());
                }
            } else if (take("[")) {
                value = subscript(value, line);
            } else if (token().is("(")) {
                value = new Expr.Call(value, arguments(), line);
            } else {
                return value;
            }
        }
    }

    private Expr subscript(Expr value, int line) {
        Expr from = token().is(":") ? null : expression();
        if (take("]")) {
            return new Expr.Item(value, from, line);
        }
        expect(":");
        Expr to = token().is("]") || token().is(":") ? null : expression();
        Expr step = take(":") && !token().is("]") ? expression() : null;
        expect("]");
        return new Expr.Slice(value, from, to, step, line);
    }

    private Expr.Passed arguments() {
        List<Expr> positional = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<Expr> named = new ArrayList<>();
        Expr rest = null;
        Expr more = null;
        expect("(");
        boolean first = true;
        while (!take(")")) {
            if (!first) {
                expect(",");
                if (take(")")) {
                    break;
                }
            }
            first = false;
            if (take("*")) {
                rest = expression();
            } else if (take("**")) {
                more = expression();
            } else if (token().kind() == Kind.NAME && tokens.get(at + 1).is("=")) {
                names.add(name());
                at++;
                named.add(expression());
            } else if (!names.isEmpty() || more != null) {
                throw new TemplateException("a positional argument after a named one");
            } else {
                positional.add(expression());
            }
        }
        return new Expr.Passed(positional, names, named, rest, more);
    }

    private String dotted() {
        var name = new StringBuilder(name());
        while (take(".")) {
            name.append('.').append(name());
        }
        return name.toString();
    }

    /** Filters, tests and calls behind a value; {@code bare} where the first filter has no bar before it. */
    private Expr filters(Expr start, boolean bare) {
        Expr value = start;
        boolean filter = bare;
        while (true) {
            int line = token().line();
            if (filter || take("|")) {
                filter = false;
                value = new Expr.Filter(value, dotted(), token().is("(") ? arguments() : Expr.Passed.NONE, line);
            } else if (takeName("is")) {
                boolean negated = takeName("not");
                value = new Expr.Test(value, dotted(), testArguments(), negated, line);
            } else if (token().is("(")) {
                value = new Expr.Call(value, arguments(), line);
            } else {
                return value;
            }
        }
    }

    private Expr.Passed testArguments() {
        Token token = token();
        if (token.is("(")) {
            return arguments();
        }
        boolean one = token.kind() == Kind.STRING || token.kind() == Kind.NUMBER || token.is("[") || token.is("{")
                || token.kind() == Kind.NAME && !NOT_A_TEST_ARGUMENT.contains(token.text());
        return one ? new Expr.Passed(List.of(postfix(primary())), List.of(), List.of(), null, null) : Expr.Passed.NONE;
    }
}
