package dev.zhulong.infer.constrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** Trap 61: no state without a way on, no white space for ever, no nesting for ever. */
class ConstraintsAlwaysLeadToAnEndTest {
    private static final PieceTokenizer TOKENIZER = WhatEndsIsValidTest.TOKENIZER;
    private static final TokenBytes TOKENS = WhatEndsIsValidTest.TOKENS;
    private static final String TREE = """
            {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "required": ["left", "right"], "additionalProperties": false,
             "properties": {"left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}, "right": {"type": ["null", "integer"]}}}}}""";

    @Test
    void whiteSpaceIsBounded() {
        Constraint json = Texts.schema("{'type': 'object'}");
        for (String before : List.of("{", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":[", "{\"a\":[1,", "{\"a\":{}")) {
            ConstraintState state = Texts.after(json, before);
            int longest = 0;
            for (char first : new char[] {' ', '\n'}) {
                var text = new StringBuilder(before).append(first);
                while (Texts.after(json, text.toString()) != null) {
                    longest = Math.max(longest, text.length() - before.length());
                    text.append(' ');
                }
            }
            assertThat(longest).as(before).isBetween(1, 25);
            assertThat(state.mayEnd()).isFalse();
            assertThat(state.allows('\t')).isFalse();
        }
        assertThat(Texts.after(json, " ")).isNull();
        assertThat(Texts.after(json, "{}").mustEnd()).isTrue();
    }

    @Test
    void nestingEndsBeforeItIsTooDeep() {
        Constraint tree = Texts.schema(TREE);
        var text = new StringBuilder();
        while (Texts.after(tree, text + "{\"left\":") != null) {
            text.append("{\"left\":");
        }
        int depth = text.length() / 8;
        assertThat(depth).isBetween(30, 40);
        assertThat(Texts.whole(tree, text + "null" + ",\"right\":1}".repeat(depth))).isTrue();
        assertThat(Texts.after(tree, text + "{")).isNull();
        Constraint any = Texts.schema("true");
        assertThat(Texts.after(any, "[".repeat(30))).isNotNull();
        assertThat(Texts.after(any, "[".repeat(60))).isNull();
    }

    @Test
    void whatMustBeNestedDeeperThanTheBoundIs() {
        String schema = "{'type': 'integer'}";
        for (int i = 0; i < 60; i++) {
            schema = "{'type': 'array', 'minItems': 1, 'maxItems': 1, 'items': " + schema + "}";
        }
        assertThat(Texts.whole(Texts.schema(schema), "[".repeat(60) + "7" + "]".repeat(60))).isTrue();
    }

    @Test
    void recursiveSchemasEnd() {
        Constraint tree = Constraint.jsonSchema(TREE, TOKENS);
        var random = new SplittableRandom(2);
        for (int i = 0; i < 50; i++) {
            WhatEndsIsValidTest.check(TREE, WhatEndsIsValidTest.oracle(TREE), Walk.text(tree, TOKENIZER, random, 300, 3000));
        }
    }

    /** The walk through the trie, its shared part and its repeated keys, against one token at a time. */
    @Test
    void masksAreTheTokensThatLeadOn() {
        var random = new SplittableRandom(8);
        for (int i = 0; i < 60; i++) {
            Constraint constraint;
            try {
                constraint = Constraint.jsonSchema(new RandomSchemas(random).document().toString(), TOKENS);
            } catch (IllegalArgumentException _) {
                continue;
            }
            ConstraintState state = constraint.start();
            for (int id : Walk.tokens(constraint, TOKENIZER, random, 40, 5000)) {
                assertMaskIsExact(state);
                state = state.after(id);
            }
            assertThat(state.mayEnd()).isTrue();
        }
    }

    private static void assertMaskIsExact(ConstraintState state) {
        BitSet mask = BitSet.valueOf(state.mask());
        for (int id = 0; id < TOKENIZER.vocabSize(); id++) {
            assertThat(mask.get(id)).isEqualTo(state.allows(id));
        }
        assertThat(mask.get(TOKENIZER.eos().orElseThrow())).isFalse();
    }

    @Test
    void anEarlierStateIsAsItWas() {
        Constraint constraint = Constraint.json(TOKENS);
        var random = new SplittableRandom(4);
        var states = new ArrayList<ConstraintState>(List.of(constraint.start()));
        List<Integer> ids = Walk.tokens(constraint, TOKENIZER, random, 60, 2000);
        List<long[]> masks = new ArrayList<>();
        for (int id : ids) {
            masks.add(states.getLast().mask().clone());
            states.add(states.getLast().after(id));
        }
        for (int i = ids.size() - 1; i >= 0; i--) {
            assertThat(states.get(i).mask()).isEqualTo(masks.get(i));
            assertThat(states.get(i).after(ids.get(i)).mayEnd()).isEqualTo(states.get(i + 1).mayEnd());
        }
    }

    @Test
    void noKeyIsWrittenTwice() {
        Constraint json = Texts.schema("{'type': 'object', 'properties': {'known': true}}");
        for (String twice : List.of("{\"a\":1,\"a\":2}", "{\"known\":1,\"known\":2}", "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "{\"\":1,\"\":2}",
                "{\"x\":[{\"q\\\"\":1,\"q\\\"\":3}]}", "{\"a\":\"b\",\"b\":[],\"b\":1}")) {
            assertThat(Texts.whole(json, twice)).as(twice).isFalse();
        }
        for (String once : List.of("{\"a\":1,\"b\":2}", "{\"known\":1,\"knowns\":2,\"k\":3}", "{\"x\":{\"x\":1,\"b\":{\"x\":2}},\"b\":1}",
                "{\"a\":\"a\",\"b\":[\"b\",\"b\"]}", "{\"a\":{\"c\":1},\"b\":{\"c\":1}}", "{\"\\\"\":1,\"\\\\\":2}")) {
            assertThat(Texts.whole(json, once)).as(once).isTrue();
        }
        // the same key in another spelling
        assertThat(Texts.after(json, "{\"\\u0061")).isNull();
    }

    /** Each of its states is new: what is kept of them must not grow for ever. */
    @Test
    void whatIsKeptIsBounded() {
        Constraint constraint = Constraint.regex("(a|b)*a(a|b){40}", TokenBytes.of(PieceTokenizer.of("a", "b", "ab", "ba", "bb", "aa", "abab", "bbaa")));
        var random = new SplittableRandom(1);
        ConstraintState state = constraint.start();
        var text = new StringBuilder();
        String[] pieces = {"a", "b", "ab", "ba", "bb", "aa", "abab", "bbaa"};
        for (int i = 0; i < 8_000; i++) {
            int id = random.nextInt(pieces.length);
            assertThat(BitSet.valueOf(state.mask()).cardinality()).isEqualTo(pieces.length);
            state = state.after(id);
            text.append(pieces[id]);
            boolean matches = text.length() > 40 && text.charAt(text.length() - 41) == 'a';
            assertThat(state.mayEnd()).isEqualTo(matches);
        }
        assertThat(constraint.automaton().nodes()).isLessThanOrEqualTo(50_000);
    }

    @Test
    void threadsShareAConstraint() throws Exception {
        String schema = new RandomSchemas(new SplittableRandom(77)).document().toString();
        Constraint shared = Constraint.jsonSchema(schema, TOKENS);
        try (var threads = Executors.newFixedThreadPool(4)) {
            List<Callable<List<List<Integer>>>> walks = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                walks.add(() -> walks(shared));
            }
            List<List<Integer>> alone = walks(Constraint.jsonSchema(schema, TOKENS));
            for (var walk : threads.invokeAll(walks)) {
                assertThat(walk.get()).isEqualTo(alone);
            }
        }
    }

    private static List<List<Integer>> walks(Constraint constraint) {
        var random = new SplittableRandom(6);
        var all = new ArrayList<List<Integer>>();
        for (int i = 0; i < 20; i++) {
            all.add(Walk.tokens(constraint, TOKENIZER, random, 60, 5000));
        }
        return all;
    }

    /** Tokens that end within a character are allowed where the character can be ended. */
    @Test
    void charactersMayBeSplit() {
        Constraint regex = Texts.regex("烛龙?");
        byte[] utf8 = "烛".getBytes(StandardCharsets.UTF_8);
        ConstraintState state = regex.start();
        assertThat(BitSet.valueOf(state.mask()).stream().toArray()).containsExactly(utf8[0] & 0xff);
        state = state.after(utf8[0] & 0xff);
        assertThat(state.mayEnd()).isFalse();
        assertThat(BitSet.valueOf(state.mask()).stream().toArray()).containsExactly(utf8[1] & 0xff);
        state = state.after(utf8[1] & 0xff).after(utf8[2] & 0xff);
        assertThat(state.mayEnd()).isTrue();
        assertThat(state.mustEnd()).isFalse();
        assertThat(Texts.whole(regex, "烛龙")).isTrue();
        assertThat(Texts.after(regex, "烛龙").mustEnd()).isTrue();
        Constraint string = Texts.schema("{'type': 'string'}");
        assertThat(Texts.whole(string, "\"😀烛é\"")).isTrue();
        for (int bad : new int[] {0x80, 0xBF, 0xC0, 0xC1, 0xF5, 0xFF}) {
            assertThat(Texts.after(string, "\"").allows(bad)).isFalse();
        }
        // overlong and surrogate forms
        assertThat(Texts.after(string, "\"").after(0xE0).allows(0x80)).isFalse();
        assertThat(Texts.after(string, "\"").after(0xED).allows(0xA0)).isFalse();
    }

    /** Where single bytes have no tokens, no token is allowed that leaves half a character behind. */
    @Test
    void aVocabularyIsAskedOnlyForWhatItCanWrite() {
        var some = TokenBytes.of(PieceTokenizer.of("\"", "a", "é", "aé", "1", "-", "{", "}", ":"));
        Constraint string = Constraint.jsonSchema("{\"type\": \"string\", \"minLength\": 2}", some);
        assertThat(BitSet.valueOf(string.start().mask()).stream().toArray()).containsExactly(0);
        assertThatIllegalArgumentException().isThrownBy(() -> Constraint.jsonSchema("{\"type\": \"boolean\"}", some))
                .withMessageContaining("the vocabulary has no token for").withMessageContaining("(U+0066").withMessageNotContaining("\n");
    }

    @Test
    void aTokenThatIsNotAllowedIsRefused() {
        ConstraintState state = Texts.regex("a+b").start();
        assertThatIllegalArgumentException().isThrownBy(() -> state.after('b')).withMessageContaining("token 98");
        assertThat(state.allows('b')).isFalse();
        assertThat(state.allows(-1)).isFalse();
        assertThat(state.allows(1 << 20)).isFalse();
    }

    /** Alternatives that stay alike to any depth multiply; that ends in an error and not in the memory. */
    @Test
    void alternativesThatMultiplyAreStopped() {
        Constraint alike = Texts.schema("{'$ref': '#/$defs/n', '$defs': {'n': {'anyOf': ["
                + "{'type': 'object', 'properties': {'c': {'$ref': '#/$defs/n'}, 'd': {'type': 'integer'}}},"
                + "{'type': 'object', 'properties': {'c': {'$ref': '#/$defs/n'}, 'e': {'type': 'integer'}}}]}}}");
        assertThat(Texts.whole(alike, "{\"c\":{\"c\":{\"c\":{\"e\":1}},\"d\":1}}")).isTrue();
        assertThatIllegalStateException().isThrownBy(() -> Texts.after(alike, "{\"c\":".repeat(30)))
                .withMessageContaining("alternatives");
    }

    /** What people and models write: compact, spaced, indented. */
    @Test
    void usualLayoutsAreAllowed() throws Exception {
        String schema = "{'type': 'object', 'properties': {'a': {'type': 'array', 'items': {'type': 'number'}}, 'b': {'type': 'object'},"
                + " 'c': {'type': 'string'}}, 'required': ['a']}";
        Constraint constraint = Texts.schema(schema);
        var mapper = new com.fasterxml.jackson.databind.ObjectMapper();
        JsonNode value = mapper.readTree("{\"a\":[1,-2.5,0,1e9],\"b\":{\"x\":{\"y\":[]},\"z\":null},\"c\":\"t\\u00e9\\n\\/\"}");
        for (String text : List.of(value.toString(), "{\"a\": [1, 2], \"c\": \"\"}", "{\"a\":[]}", "{ \"a\": [ 1 ] }",
                mapper.writerWithDefaultPrettyPrinter().writeValueAsString(value).replace(" :", ":").replace("{ }", "{}").replace("[ ]", "[]"),
                "{\"a\":[],\"c\":\"\\ud83d\\ude00 😀\"}")) {
            assertThat(Texts.whole(constraint, text)).as(text).isTrue();
        }
        for (String text : List.of("{\"c\":\"\"}", "{\"a\":[01]}", "{\"a\":[1,]}", "{\"a\":[],\"c\":\"\\ud83d\"}", "{\"a\":[],\"c\":\"\\ude00\"}",
                "{\"a\":[]", "{'a':[]}", "{\"a\":[],\"c\":\"\n\"}", "{\"a\":[.5]}", "{\"a\":[1.]}", "{\"a\":[+1]}")) {
            assertThat(Texts.whole(constraint, text)).as(text).isFalse();
        }
    }
}
