package dev.zhulong.infer.constrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 61: nothing in a schema is passed over in silence, and a bad one is one line of error. */
class SchemasAreEnforcedOrRefusedTest {
    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', value = {
        "{'not': {'multipleOf': 2}} ! #/not: ! a negation of multipleOf",
        "{'not': {'const': [1]}} ! #/not: ! a negation of an array or an object",
        "{'properties': {'a/b': {'patternProperties': []}}} ! #/properties/a~1b: ! patternProperties",
        "{'properties': {'a': {'patternProperties': {'(?=a)': true}}}} ! #/properties/a: ! position 0",
        "{'items': {'uniqueItems': true}} ! #/items: ! uniqueItems",
        "{'items': {'uniqueItems': 1}} ! #/items: ! uniqueItems",
        "{'anyOf': [true, {'if': {'propertyNames': {'pattern': 'a'}}, 'then': true}]} ! #/anyOf/1/if: ! a negation of propertyNames",
        "{'$ref': '#/$defs/x', '$defs': {'x': {'minProperties': '1'}}} ! #/$defs/x: ! minProperties",
        "{'additionalProperties': {'dependentRequired': []}} ! #/additionalProperties: ! dependentRequired",
        "{'dependentRequired': {'a': 'b'}} ! #: ! dependentRequired",
        "{'prefixItems': [{'contains': true, 'minContains': 2}]} ! #/prefixItems/0: ! minContains",
        "{'contains': true, 'maxContains': 2} ! #: ! maxContains",
        "{'type': 'array', 'allOf': [{'contains': {'const': 1}}, {'contains': {'const': 2}}, {'contains': {'const': 3}}, {'contains': {'const': 4}}]} ! #/allOf/0/contains: ! contains",
        "{'patternProperties': {'^[a-z]{3}$': true}, 'additionalProperties': false} ! JSON schema ! neither few nor without end",
        "{'not': {'$ref': '#'}} ! #: ! refers to itself",
        "{'nullable': true} ! #: ! nullable",
        "{'format': 'idn-hostname'} ! #: ! date-time",
        "{'type': 'text'} ! #: ! type: expected",
        "{'type': 'number', 'multipleOf': 0.1234567} ! #: ! multipleOf",
        "{'type': 'number', 'multipleOf': 0} ! #: ! multipleOf", "{'type': 'number', 'multipleOf': 1000.5} ! #: ! multipleOf",
        "{'minLength': -1} ! #: ! minLength",
        "{'maxItems': 1.5} ! #: ! maxItems",
        "{'minItems': 100000} ! #: ! minItems",
        "{'minimum': '1'} ! #: ! minimum",
        "{'exclusiveMinimum': true} ! #: ! exclusiveMinimum",
        "{'pattern': '(?=a)'} ! #: ! position 0",
        "{'required': 'a'} ! #: ! required",
        "{'enum': 'a'} ! #: ! enum",
        "{'properties': []} ! #: ! properties",
        "{'items': [true]} ! #: ! prefixItems",
        "{'anyOf': []} ! #: ! anyOf",
        "{'$ref': 'other.json'} ! #: ! within the document",
        "{'$ref': '#/$defs/none'} ! #: ! nothing at",
        "{'$ref': '#'} ! #: ! refers to itself",
        "{'anyOf': [{'$ref': '#'}, {'type': 'null'}]} ! #: ! refers to itself",
        "{'oneOf': [{'type': 'integer'}, {'type': 'number'}]} ! #: ! branch 0 and branch 1",
        "{'oneOf': [{'type': 'object', 'properties': {'k': {'const': 1}}}, {'type': 'object', 'properties': {'k': {'const': 2}}}]} ! #: ! const",
        "3 ! #: ! an object, true or false",
        "{'maximum': 1e999999} ! #: ! 40 digits"})
    void whatIsNotSupportedIsNamedWithItsPlace(String schema, String place, String what) {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema(schema))
                .withMessageContaining(place).withMessageContaining(what).withMessageNotContaining("\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"false", "{'type': 'string', 'minLength': 3, 'maxLength': 2}", "{'type': 'integer', 'minimum': 3, 'maximum': 2}",
        "{'type': 'integer', 'minimum': 1.1, 'maximum': 1.9}", "{'enum': []}", "{'type': 'string', 'enum': [1, 2]}", "{'const': 5, 'maximum': 4}",
        "{'type': 'object', 'required': ['a'], 'additionalProperties': false}", "{'type': 'array', 'items': false, 'minItems': 1}",
        "{'type': 'integer', 'minimum': 1, 'maximum': 6, 'multipleOf': 7}", "{'type': 'string', 'pattern': '^a$', 'minLength': 2}",
        "{'allOf': [{'type': 'string'}, {'type': 'null'}]}", "{'type': 'string', 'format': 'date', 'pattern': 'x'}",
        "{'type': 'object', 'properties': {'n': {'$ref': '#'}}, 'required': ['n']}"})
    void whatNoValueSatisfiesIsAnError(String schema) {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema(schema)).withMessageContaining("no JSON value is valid under the schema");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', value = {
        "{'minimum': 3, 'type': 'integer'} ! 3 ! 2",
        "{'exclusiveMinimum': -0.5, 'maximum': 1, 'type': 'number'} ! -0.4999 ! -0.5",
        "{'exclusiveMinimum': 0, 'exclusiveMaximum': 1, 'type': 'number'} ! 0.001 ! 1.0",
        "{'type': 'number', 'minimum': 0} ! 12.5 ! -1",
        "{'type': 'integer', 'multipleOf': 12} ! -144 ! 143",
        "{'type': 'integer', 'multipleOf': 2.5} ! -15 ! 12",
        "{'type': 'number', 'multipleOf': 2.50} ! -7.5 ! 7.25",
        "{'type': 'number', 'multipleOf': 1e2} ! 300 ! 250",
        "{'type': 'number', 'multipleOf': 0.01, 'minimum': 0, 'maximum': 100} ! 19.99 ! 19.995",
        "{'type': 'string', 'maxLength': 2} ! §😀\\u00e9§ ! §abc§",
        "{'type': 'string', 'minLength': 2} ! §ab§ ! §\\ud83d\\ude00§",
        "{'type': 'string', 'pattern': 'b+'} ! §abbc§ ! §ac§",
        "{'enum': [{'a': [1, null]}, 'x']} ! {§a§:[1,null]} ! §y§",
        "{'allOf': [{'properties': {'a': {'minimum': 1}}}, {'properties': {'a': {'type': 'integer'}}, 'required': ['a'], 'type': 'object'}]} ! {§a§:1} ! {§a§:0}",
        "{'type': 'object', 'properties': {'b': true, 'a': true}, 'additionalProperties': false} ! {§b§:1,§a§:2} ! {§c§:1}",
        "{'type': 'object', 'properties': {'x y': {'type': 'null'}}} ! {§x y§:null} ! {§x y§:1}",
        "{'type': 'object', 'additionalProperties': {'type': 'null'}} ! {§any§:null} ! {§any§:1}",
        "{'type': 'array', 'prefixItems': [{'type': 'null'}], 'items': {'type': 'boolean'}, 'maxItems': 2} ! [null,true] ! [null,true,true]",
        "{'oneOf': [{'type': 'string'}, {'type': 'integer'}]} ! 5 ! 5.5",
        "{'type': ['null', 'string'], 'anyOf': [{'minLength': 3}, {'maxLength': 1}]} ! §a§ ! §ab§",
        "{'$ref': '#/definitions/d%20e', 'definitions': {'d e': {'const': 1}}} ! 1 ! 2",
        "{'type': 'string', 'format': 'ipv4'} ! §127.0.0.1§ ! §256.0.0.1§",
        "{'type': 'string', 'format': 'ipv6'} ! §2001:db8::ff00:42:8329§ ! §2001::db8::1§",
        "{'type': 'string', 'format': 'ipv6'} ! §::§ ! §1:2:3:4:5:6:7§",
        "{'type': 'string', 'format': 'hostname'} ! §db-1.bank.example§ ! §-db.example§",
        "{'type': 'string', 'format': 'duration'} ! §P3Y6M4DT12H30M5S§ ! §P1Y2D§",
        "{'type': 'string', 'format': 'duration'} ! §PT36H§ ! §P§",
        "{'type': 'string', 'format': 'uri'} ! §https://a.example:8080/x%20y/?q=1#top§ ! §https://a.example/x y§",
        "{'type': 'string', 'format': 'uri'} ! §urn:isbn:0451450523§ ! §//no.scheme/x§",
        "{'type': 'string', 'format': 'uuid'} ! §123e4567-e89b-12d3-a456-426614174000§ ! §123e4567§"})
    void keywordsAreEnforced(String schema, String valid, String invalid) {
        Constraint constraint = Texts.schema(schema);
        assertThat(Texts.whole(constraint, valid.replace('§', '"'))).as(valid).isTrue();
        assertThat(Texts.whole(constraint, invalid.replace('§', '"'))).as(invalid).isFalse();
    }

    /** Every number of a grid, and of random divisors. */
    @Test
    void multiplesHoldToTheDigit() {
        var random = new SplittableRandom(8);
        int valid = 0;
        for (int i = 0; i < 60; i++) {
            BigDecimal divisor = BigDecimal.valueOf(random.nextInt(1, 300), random.nextInt(4));
            boolean whole = random.nextInt(4) == 0;
            Constraint constraint = Texts.schema("{'type': '" + (whole ? "integer" : "number") + "', 'multipleOf': " + divisor.toPlainString() + "}");
            for (int step = -4000; step <= 4000; step += random.nextInt(1, 9)) {
                BigDecimal value = BigDecimal.valueOf(step, random.nextInt(whole ? 1 : 4));
                boolean divides = value.remainder(divisor).signum() == 0;
                // a zero at the end is not always written
                boolean plain = value.scale() == 0 || value.stripTrailingZeros().scale() == value.scale();
                if (plain || !divides) {
                    assertThat(Texts.whole(constraint, value.toPlainString())).as("%s of %s", value, divisor).isEqualTo(divides);
                    valid += divides ? 1 : 0;
                }
            }
        }
        assertThat(valid).isGreaterThan(1000);
    }

    /** Every number of a grid, in and out of random bounds. */
    @Test
    void boundsHoldToTheDigit() {
        var random = new SplittableRandom(3);
        for (int i = 0; i < 120; i++) {
            boolean whole = random.nextBoolean();
            BigDecimal least = BigDecimal.valueOf(random.nextInt(-300, 300), random.nextInt(3));
            BigDecimal most = least.add(BigDecimal.valueOf(random.nextInt(0, 400), random.nextInt(3)));
            boolean openBelow = random.nextBoolean();
            boolean openAbove = random.nextBoolean();
            String schema = "{'type': '" + (whole ? "integer" : "number") + "', '" + (openBelow ? "exclusiveMinimum" : "minimum") + "': " + least
                    + ", '" + (openAbove ? "exclusiveMaximum" : "maximum") + "': " + most + "}";
            Constraint constraint = null;
            try {
                constraint = Texts.schema(schema);
            } catch (IllegalArgumentException e) {
                assertThat(e).hasMessageContaining("no JSON value");
            }
            for (int step = -320 * 20; step <= 720 * 20; step += random.nextInt(1, 4)) {
                BigDecimal value = BigDecimal.valueOf(step * 5L, 2);
                value = step % 20 == 0 ? value.setScale(0) : value;
                boolean within = (openBelow ? value.compareTo(least) > 0 : value.compareTo(least) >= 0)
                        && (openAbove ? value.compareTo(most) < 0 : value.compareTo(most) <= 0) && (!whole || value.scale() == 0);
                assertThat(constraint != null && Texts.whole(constraint, value.toString())).as("%s under %s", value, schema).isEqualTo(within);
            }
        }
    }

    @Test
    void annotationsAreIgnored() {
        assertThat(Texts.whole(Texts.schema("{'$schema': 'x', '$id': 'y', '$comment': 'z', 'title': 't', 'description': 'd', 'default': 1, 'examples': [2],"
                + " 'deprecated': true, 'readOnly': true, 'writeOnly': true, 'type': 'integer'}"), "7")).isTrue();
    }

    /** Unknown ones, those of the draft's annotation vocabularies, and those that assert nothing without another that is not there. */
    @ParameterizedTest
    @ValueSource(strings = {"'x-order': 1", "'contentEncoding': 'base64'", "'contentMediaType': 'text/plain'", "'contentSchema': {'type': 'null'}", "'$anchor': 'a'",
        "'$dynamicAnchor': 'a'", "'$vocabulary': {'https://json-schema.org/draft/2020-12/vocab/core': true}", "'discriminator': {'propertyName': 'k'}", "'xml': {'name': 'n'}",
        "'externalDocs': {'url': 'u'}", "'example': 5", "'nullable': false", "'uniqueItems': false", "'then': false", "'else': false", "'minContains': 9", "'maxContains': 0",
        "'id': 'urn:x'", "'enumNames': ['seven']", "'markdownDescription': 'm'", "'propertyOrder': [1]", "'': 1", "'Type': 'null'", "'$ID': 3"})
    void whatAssertsNothingIsIgnoredWhereverItStands(String keyword) {
        for (String schema : new String[] {"{" + keyword + ", 'type': 'integer'}", "{'type': 'integer', " + keyword + "}", "{'anyOf': [{'type': 'integer', " + keyword + "}]}",
            "{'$ref': '#/$defs/x', '$defs': {'x': {'type': 'integer', " + keyword + "}}}"}) {
            assertThat(Texts.whole(Texts.schema(schema), "7")).as(schema).isTrue();
            assertThat(Texts.whole(Texts.schema(schema), "null")).as(schema).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"'minProperties': 0", "'propertyNames': {}", "'propertyNames': {'type': 'string', 'description': 'd'}", "'format': 'int32'", "'format': 'double'", "'format': 'uri'"})
    void norIsWhatEveryValueSatisfies(String keyword) {
        for (String schema : new String[] {"{" + keyword + ", 'type': 'integer'}", "{'anyOf': [{'type': ['integer', 'boolean'], " + keyword + "}]}"}) {
            assertThat(Texts.whole(Texts.schema(schema), "7")).as(schema).isTrue();
            assertThat(Texts.whole(Texts.schema(schema), "null")).as(schema).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"'propertyNames': {'type': 'string', 'maxLength': 3}", "'format': 'iri'", "'type': 'string', 'format': 'int32'", "'type': ['integer', 'string'], 'format': 'x'"})
    void butWhatOneMayNotSatisfyIsRefused(String keywords) {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema("{" + keywords + "}"));
    }

    /** What each of these keywords takes and what it does not. */
    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', value = {
        "{'type': 'object', 'minProperties': 2} ! {\"a\":1,\"b\":2} {\"a\":1,\"b\":2,\"c\":3} ! {} {\"a\":1}",
        "{'type': 'object', 'maxProperties': 1} ! {} {\"a\":1} ! {\"a\":1,\"b\":2}",
        "{'type': 'object', 'properties': {'a': {}, 'b': {}, 'c': {}}, 'required': ['b'], 'minProperties': 2, 'maxProperties': 2, 'additionalProperties': false}"
                + " ! {\"a\":1,\"b\":2} {\"b\":1,\"c\":2} ! {\"b\":1} {\"a\":1,\"c\":2} {\"a\":1,\"b\":2,\"c\":3}",
        "{'type': 'object', 'patternProperties': {'^n': {'type': 'integer'}, 'e$': {'maximum': 5}}, 'additionalProperties': {'type': 'null'}}"
                + " ! {\"n\":7} {\"ne\":5} {\"me\":5} {\"x\":null} {} ! {\"n\":null} {\"ne\":6} {\"me\":6} {\"x\":1}",
        "{'type': 'object', 'properties': {'name': {}}, 'patternProperties': {'^n': {'type': 'integer'}}, 'additionalProperties': false} ! {\"name\":1} {\"n\":1} ! {\"name\":null} {\"a\":1}",
        "{'type': 'object', 'patternProperties': {'^(a|b)$': true}, 'additionalProperties': false, 'minProperties': 2} ! {\"a\":1,\"b\":2} ! {\"a\":1} {\"c\":1,\"d\":2}",
        "{'type': 'object', 'propertyNames': {'pattern': '^[a-z]+$'}} ! {} {\"ab\":1} ! {\"A\":1} {\"\":1}",
        "{'type': 'object', 'propertyNames': {'enum': ['a', 'b']}, 'properties': {'c': {}}} ! {} {\"a\":1,\"b\":2} ! {\"c\":1}",
        "{'type': 'object', 'propertyNames': false} ! {} ! {\"a\":1}",
        "{'type': 'object', 'properties': {'a': {}, 'b': {}}, 'dependentRequired': {'a': ['b']}, 'additionalProperties': false} ! {} {\"b\":1} {\"a\":1,\"b\":2} ! {\"a\":1}",
        "{'type': 'object', 'properties': {'a': {}, 'b': {}}, 'dependentSchemas': {'a': {'properties': {'b': {'type': 'null'}}}}} ! {\"b\":1} {\"a\":1,\"b\":null} ! {\"a\":1,\"b\":2}",
        "{'not': {'type': ['object', 'array', 'string']}} ! 1 null true ! {} [] \"a\"", "{'not': {'enum': [1, 'a', null, true]}} ! 2 0.5 \"b\" false [] ! 1 \"a\" null true",
        "{'type': 'integer', 'not': {'minimum': 3, 'maximum': 5}} ! 2 6 ! 3 4 5", "{'type': 'string', 'not': {'pattern': '^a'}} ! \"ba\" \"\" ! \"ab\"",
        "{'type': 'string', 'not': {'maxLength': 2}} ! \"abc\" ! \"ab\"", "{'type': 'object', 'not': {'required': ['a']}} ! {} {\"b\":1} ! {\"a\":1}",
        "{'type': 'object', 'properties': {'a': {}}, 'not': {'properties': {'a': {'const': 1}}}} ! {\"a\":2} ! {} {\"a\":1}", "{'type': 'array', 'not': {'items': {'type': 'null'}}} ! [1] [null,1] ! [] [null]",
        "{'type': 'array', 'not': {'contains': {'const': 1}}} ! [] [2] ! [1] [2,1]", "{'not': {'not': {'type': 'null'}}} ! null ! 1", "{'type': ['integer', 'null'], 'not': true} ! ! 1 null",
        "{'type': 'object', 'properties': {'kind': {'enum': ['a', 'b']}, 'n': {'type': 'integer'}}, 'required': ['kind'], 'additionalProperties': false, 'if': {'properties': {'kind': {'const': 'a'}}},"
                + " 'then': {'required': ['n']}, 'else': {'properties': {'n': false}}} ! {\"kind\":\"a\",\"n\":1} {\"kind\":\"b\"} ! {\"kind\":\"a\"} {\"kind\":\"b\",\"n\":1}",
        "{'type': 'integer', 'if': {'minimum': 10}, 'then': {'multipleOf': 10}} ! 3 20 ! 13", "{'type': 'array', 'contains': {'const': 1}, 'items': {'type': 'integer'}} ! [1] [2,1] [1,2] [2,1,1] ! [] [2]",
        "{'type': 'array', 'contains': {'const': 1}, 'maxItems': 2} ! [1] [2,1] ! [2,2] [2,2,1]", "{'type': 'array', 'contains': {'const': 1}, 'minContains': 0} ! [] [2] ! 1",
        "{'type': 'array', 'allOf': [{'contains': {'minimum': 5}}, {'contains': {'maximum': 6}}], 'items': {'type': 'integer'}, 'maxItems': 1} ! [5] [6] ! [4] [7] [] [5,6]",
        "{'type': 'array', 'uniqueItems': true, 'items': {'enum': ['a', 'b', 3]}} ! [] [\"b\"] [3,\"a\"] [\"b\",3,\"a\"] ! [3,3] [\"a\",\"b\",\"a\"]",
        "{'type': 'array', 'uniqueItems': true, 'items': {'type': 'boolean'}, 'minItems': 2} ! [true,false] [false,true] ! [] [true] [true,true]",
        "{'type': 'array', 'uniqueItems': true, 'maxItems': 1} ! [] [7] ! [7,7]",
        "{'type': 'string', 'pattern': '^\\\\p{Lu}\\\\p{L}*?$'} ! \"Ab\" \"Éa\" ! \"ab\" \"A1\"", "{'type': 'string', 'pattern': '^\\\\p{Script=Han}+$'} ! \"烛龙\" ! \"烛a\""})
    void keywordsMeanWhatTheDraftSays(String schema, String valid, String invalid) {
        Constraint constraint = valid == null ? null : Texts.schema(schema);
        com.networknt.schema.JsonSchema oracle = WhatEndsIsValidTest.oracle(schema.replace('\'', '"'));
        for (String value : valid == null ? new String[0] : valid.split(" ")) {
            assertThat(oracle.validate(WhatEndsIsValidTest.parse(value))).as("%s by the oracle", value).isEmpty();
            assertThat(Texts.whole(constraint, value)).as(value).isTrue();
        }
        for (String value : invalid.split(" ")) {
            assertThat(oracle.validate(WhatEndsIsValidTest.parse(value))).as("%s by the oracle", value).isNotEmpty();
            if (constraint != null) {
                assertThat(Texts.whole(constraint, value)).as(value).isFalse();
            }
        }
        if (valid == null) {
            assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema(schema)).withMessageContaining("no JSON value is valid");
        }
    }

    @Test
    void formatsOfWholeNumbersAreTheirBounds() {
        assertThat(Texts.whole(Texts.schema("{'type': 'integer', 'format': 'int32'}"), "2147483647")).isTrue();
        assertThat(Texts.whole(Texts.schema("{'type': 'integer', 'format': 'int32'}"), "2147483648")).isFalse();
        assertThat(Texts.whole(Texts.schema("{'type': 'integer', 'format': 'int64'}"), "-9223372036854775808")).isTrue();
        assertThat(Texts.whole(Texts.schema("{'type': 'integer', 'format': 'int64'}"), "9223372036854775808")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "dependencies", "additionalItems", "nullable"})
    void whatAssertsAndIsNotEnforcedIsRefusedByName(String keyword) {
        for (String schema : new String[] {"{'items': {'§': true, 'x-order': 1}}", "{'prefixItems': [true, {'type': 'integer', '§': true}]}",
            "{'items': {'allOf': [{'title': 't'}, {'title': 't', '§': true}]}}"}) {
            assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema(schema.replace("§", keyword))).withMessageContaining("the keyword " + keyword + " is not supported")
                    .withMessageContaining(schema.contains("prefixItems") ? "#/prefixItems/1:" : schema.contains("allOf") ? "#/items/allOf/1:" : "#/items:");
        }
    }

    @Test
    void aConstraintSaysWhatItTakes() {
        long small = Texts.schema("{'type': 'array', 'minItems': 10, 'items': {'type': 'null'}}").bytes();
        Constraint large = Texts.schema("{'type': 'array', 'minItems': 1000, 'items': {'type': 'null'}}");
        assertThat(large.bytes()).isGreaterThan(30 * small).isLessThan(100L << 20);
        long before = large.bytes();
        assertThat(Texts.whole(large, "[" + "null,".repeat(999) + "null]")).isTrue();
        assertThat(large.bytes()).isGreaterThan(before);
    }

    /** Schemas cut, joined and changed at random: an error of one line, or a constraint that works. */
    @Test
    void brokenSchemasStopNothing() {
        var random = new SplittableRandom(12);
        int refused = 0;
        for (int i = 0; i < 1500; i++) {
            var text = new StringBuilder(new RandomSchemas(random).document().toString());
            for (int j = random.nextInt(1, 4); j > 0; j--) {
                int from = random.nextInt(text.length());
                int to = Math.min(text.length(), from + random.nextInt(1, 30));
                switch (random.nextInt(3)) {
                    case 0 -> text.delete(from, to);
                    case 1 -> text.insert(random.nextInt(text.length()), text.substring(from, to));
                    default -> text.setCharAt(from, "{}[]\",:019-ea#/".charAt(random.nextInt(15)));
                }
                text = text.isEmpty() ? new StringBuilder("{}") : text;
            }
            try {
                Constraint constraint = Constraint.jsonSchema(text.toString(), WhatEndsIsValidTest.TOKENS);
                WhatEndsIsValidTest.parse(Walk.text(constraint, WhatEndsIsValidTest.TOKENIZER, random, 30, 5000));
            } catch (IllegalArgumentException e) {
                refused++;
                assertThat(e.getMessage()).as(text.toString()).isNotBlank().doesNotContain("\n");
            }
        }
        assertThat(refused).isBetween(500, 1450);
    }

    @Test
    void hugeSchemasAreRefusedOrServed() {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema("{'allOf': [" + "{'anyOf': [true, true, true]},".repeat(20) + "true]}"))
                .withMessageContaining("alternatives");
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema("{'type': 'string', 'pattern': '^(a{900}){900}$'}"))
                .withMessageContaining("smaller bounds");
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema("[".repeat(100_000)));
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.schema("{'required': ['" + "k".repeat(100_000) + "']}"));
        assertThat(Texts.whole(Texts.schema("{'type': 'string', 'maxLength': 10000000}"), "\"a\"")).isTrue();
        assertThat(Texts.whole(Texts.schema("{'type': 'array', 'maxItems': 10000000, 'items': {'type': 'null'}}"), "[null,null]")).isTrue();
        String deep = "{'anyOf': [".repeat(300) + "{'type': 'null'}" + "]}".repeat(300);
        assertThat(Texts.whole(Texts.schema(deep), "null")).isTrue();
    }
}
