package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON header of a safetensors file, checked against the bytes that follow it.
 *
 * <p>The rules are those of the format's README and reference implementation (huggingface/safetensors): names are unique, and the
 * tensors, in order of their offsets, cover the rest of the file without hole or overlap.
 *
 * @param metadata the entry {@code __metadata__}, empty where absent
 * @param entries  the tensors in the order they lie in the file
 */
record SafetensorsHeader(Map<String, String> metadata, List<Entry> entries) {

    static final String METADATA = "__metadata__";
    static final long LONGEST = 100_000_000;
    private static final int MOST_TENSORS = 1 << 20;
    private static final int MOST_DIMENSIONS = 64;

    /** Begin and end count from the first byte after the header. */
    record Entry(String name, StorageType type, long[] shape, long begin, long end) {}

    // Field names of a stranger must not fill the parser's shared symbol tables.
    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(8)
                    .maxNameLength(64 * 1024)
                    .maxStringLength((int) LONGEST)
                    .build())
            .build();

    static SafetensorsHeader parse(Path file, byte[] json, long dataBytes) {
        var decoder = StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        try (JsonParser parser = JSON.createParser(new InputStreamReader(new ByteArrayInputStream(json), decoder))) {
            return new Reading(file, parser, dataBytes).header();
        } catch (IOException e) {
            throw new FormatException(file, "header: expected a JSON object in UTF-8, found " + oneLine(e), e);
        }
    }

    private static String oneLine(IOException e) {
        String message = e instanceof com.fasterxml.jackson.core.JsonProcessingException json ? json.getOriginalMessage() : e.toString();
        return FormatException.quote(String.valueOf(message));
    }

    /** One pass over one header. */
    private record Reading(Path file, JsonParser parser, long dataBytes) {

        SafetensorsHeader header() throws IOException {
            expect("header", parser.nextToken(), JsonToken.START_OBJECT, "a JSON object");
            Map<String, String> metadata = null;
            var byName = new LinkedHashMap<String, Entry>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                if (name.equals(METADATA)) {
                    if (metadata != null) {
                        throw FormatException.at(file, METADATA, "one entry", "two");
                    }
                    metadata = metadata();
                } else if (byName.put(name, entry(name)) != null) {
                    throw FormatException.at(file, tensor(name), "one entry of this name", "two");
                } else if (byName.size() > MOST_TENSORS) {
                    throw FormatException.at(file, "header", "at most " + MOST_TENSORS + " tensors", "more");
                }
            }
            if (parser.nextToken() != null) {
                throw FormatException.at(file, "header", "nothing after the JSON object", parser.currentToken());
            }
            var entries = new ArrayList<>(byName.values());
            entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
            requireCover(entries);
            return new SafetensorsHeader(
                    metadata == null ? Map.of() : Collections.unmodifiableMap(metadata), Collections.unmodifiableList(entries));
        }

        private Map<String, String> metadata() throws IOException {
            expect(METADATA, parser.currentToken(), JsonToken.START_OBJECT, "an object of strings");
            var metadata = new LinkedHashMap<String, String>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                String place = METADATA + " " + FormatException.quote(key);
                expect(place, parser.nextToken(), JsonToken.VALUE_STRING, "a string");
                if (metadata.put(key, parser.getText()) != null) {
                    throw FormatException.at(file, place, "one entry of this name", "two");
                }
            }
            return metadata;
        }

        private Entry entry(String name) throws IOException {
            String tensor = tensor(name);
            expect(tensor, parser.currentToken(), JsonToken.START_OBJECT, "an object with dtype, shape and data_offsets");
            StorageType type = null;
            long[] shape = null;
            long[] offsets = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                boolean seen = switch (field) {
                    case "dtype" -> type != null;
                    case "shape" -> shape != null;
                    case "data_offsets" -> offsets != null;
                    default -> throw FormatException.at(
                            file, tensor, "only dtype, shape and data_offsets", FormatException.quote(field));
                };
                if (seen) {
                    throw FormatException.at(file, tensor, "one field " + field, "two");
                }
                parser.nextToken();
                switch (field) {
                    case "dtype" -> type = type(tensor);
                    case "shape" -> shape = numbers(tensor + ", shape", MOST_DIMENSIONS);
                    default -> offsets = numbers(tensor + ", data_offsets", 2);
                }
            }
            if (type == null || shape == null || offsets == null) {
                String missing = type == null ? "dtype" : shape == null ? "shape" : "data_offsets";
                throw FormatException.at(file, tensor, "dtype, shape and data_offsets", "no " + missing);
            }
            if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > dataBytes) {
                throw FormatException.at(file, tensor + ", data_offsets",
                        "[begin, end] with begin <= end <= " + dataBytes + " (the bytes after the header)", Arrays.toString(offsets));
            }
            long bytes = bytes(tensor, type, shape);
            if (offsets[1] - offsets[0] != bytes) {
                throw FormatException.at(file, tensor, bytes + " bytes for " + type + Arrays.toString(shape),
                        (offsets[1] - offsets[0]) + " bytes at data_offsets " + Arrays.toString(offsets));
            }
            return new Entry(name, type, shape, offsets[0], offsets[1]);
        }

        private StorageType type(String tensor) throws IOException {
            expect(tensor + ", dtype", parser.currentToken(), JsonToken.VALUE_STRING, "a string");
            String name = parser.getText();
            return StorageType.ofSafetensorsName(name).orElseThrow(() -> FormatException.at(
                    file, tensor + ", dtype", "one of " + StorageType.known(), FormatException.quote(name)));
        }

        private long[] numbers(String place, int most) throws IOException {
            expect(place, parser.currentToken(), JsonToken.START_ARRAY, "an array of integers >= 0");
            long[] numbers = new long[8];
            int n = 0;
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                expect(place, parser.currentToken(), JsonToken.VALUE_NUMBER_INT, "integers >= 0");
                if (n == most) {
                    throw FormatException.at(file, place, "at most " + most + " numbers", "more");
                }
                if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER || parser.getLongValue() < 0) {
                    throw FormatException.at(file, place, "integers from 0 to 2^63-1", FormatException.quote(parser.getText()));
                }
                numbers = n == numbers.length ? Arrays.copyOf(numbers, most) : numbers;
                numbers[n++] = parser.getLongValue();
            }
            return Arrays.copyOf(numbers, n);
        }

        private long bytes(String tensor, StorageType type, long[] shape) {
            try {
                long product = type.bytes();
                for (long dimension : shape) {
                    product = Math.multiplyExact(product, dimension);
                }
                return product;
            } catch (ArithmeticException e) {
                throw FormatException.at(file, tensor + ", shape", "a product below 2^63 bytes", Arrays.toString(shape));
            }
        }

        private void requireCover(List<Entry> entries) {
            long covered = 0;
            String before = "the header";
            for (Entry entry : entries) {
                if (entry.begin != covered) {
                    String wrong = entry.begin < covered ? " (overlaps " : " (a hole after ";
                    throw FormatException.at(file, tensor(entry.name) + ", data_offsets", "to begin at " + covered,
                            entry.begin + wrong + before + ")");
                }
                covered = entry.end;
                before = tensor(entry.name);
            }
            if (covered != dataBytes) {
                throw FormatException.at(file, "data", covered + " bytes, up to the end of " + before, dataBytes + " bytes");
            }
        }

        private void expect(String place, JsonToken found, JsonToken expected, String words) throws IOException {
            if (found != expected) {
                String text = found == null ? "the end"
                        : found.isScalarValue() ? FormatException.quote(parser.getText()) : found.asString();
                throw FormatException.at(file, place, words, text);
            }
        }

        private static String tensor(String name) {
            return "tensor " + FormatException.quote(name);
        }
    }
}
