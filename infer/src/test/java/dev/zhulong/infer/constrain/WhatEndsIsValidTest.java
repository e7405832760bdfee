package dev.zhulong.infer.constrain;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Whatever a model's logits are, and whatever the schema: a text that ends by itself parses and is valid. */
class WhatEndsIsValidTest {
    static final String SAMPLE = "{\"a\": 1, \"ab\":\"x\\ny\",\n  \"b\": [true, false,null],\"kind\":\"one\"}, \"néé\": -12.5e3 烛龙😀é \\\"\\u00e9 \","
            + " \"value\": {\"next\": {\"children\": []}}, 2024-02-29T12:30:59.5Z foo bar123 a@b.org}]}\n    \"k\":";
    static final PieceTokenizer TOKENIZER = PieceTokenizer.cutFrom(SAMPLE, 400, 3);
    static final TokenBytes TOKENS = TokenBytes.of(TOKENIZER);
    private static final ObjectMapper STRICT = new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    static JsonSchema oracle(String schema) {
        var config = SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();
        return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(schema, config);
    }

    static JsonNode parse(String text) {
        try {
            return STRICT.readTree(text);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new AssertionError("does not parse: " + text, e);
        }
    }

    static void check(String schema, JsonSchema oracle, String text) {
        assertThat(oracle.validate(parse(text))).as("%s under %s", text, schema).isEmpty();
    }

    @Test
    void underRandomSchemas() {
        int possible = 0;
        for (int seed = 0; seed < Integer.getInteger("zhulong.schemas", 300); seed++) {
            var random = new SplittableRandom(seed);
            String schema = new RandomSchemas(random).document().toString();
            Constraint constraint;
            try {
                constraint = Constraint.jsonSchema(schema, TOKENS);
            } catch (IllegalArgumentException e) {
                assertThat(e).as(schema).hasMessageContaining("no JSON value is valid");
                continue;
            }
            possible++;
            JsonSchema oracle = oracle(schema);
            for (int i = 0; i < 6; i++) {
                check(schema, oracle, Walk.text(constraint, TOKENIZER, random, random.nextInt(150), 5000));
            }
        }
        assertThat(possible).isGreaterThan(200);
    }

    @Test
    void underRegularExpressions() {
        String[] patterns = {"a*b", "(?:foo|ba[rz])+", "\\d{3}-\\d{4}", "[^a-y]{0,7}", ".{3}", "\\w+\\s\\S+", "(a|b)*a(a|b){6}", "^é+烛?$",
            "x\\u00e9\\.|[\\]\\-z]{2}", "([0-9]{1,3}\\.){3}[0-9]{1,3}", "[\\W\\D]\\n", "(a*)*b", "(|x)y{2,}", "[^\\s]{2}[a-]"};
        var random = new SplittableRandom(5);
        for (String pattern : patterns) {
            Constraint constraint = Constraint.regex(pattern, TOKENS);
            for (int i = 0; i < 200; i++) {
                String text = Walk.text(constraint, TOKENIZER, random, random.nextInt(30), 2000);
                assertThat(Pattern.compile(pattern).matcher(text).matches()).as("%s in %s", text, pattern).isTrue();
            }
        }
    }
}
