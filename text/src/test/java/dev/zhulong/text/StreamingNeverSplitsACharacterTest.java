package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class StreamingNeverSplitsACharacterTest {
    private static HuggingFaceTokenizer bytes;
    private static HuggingFaceTokenizer sentencePiece;

    @BeforeContainer
    static void load() throws IOException {
        Path directory = Files.createTempDirectory("text");
        TokenizerJson.write(directory, Texts.train(700, Texts.nasty(500, 9), PreTokenizer.LLAMA3, "<s>"), Texts.PLAIN);
        bytes = HuggingFaceTokenizer.load(directory);
        StringBuilder vocab = new StringBuilder(
                "\"<unk>\": 256, \"<s>\": 257, \"▁\": 258, \"▁a\": 259, \"b\": 260, \"é\": 261, \"▁▁\": 262");
        for (int b = 0; b < 256; b++) {
            vocab.append(", \"<0x%02X>\": %d".formatted(b, b));
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "post_processor": null, "pre_tokenizer": null,
                 "added_tokens": [{"id": 257, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                   "special": true}],
                 "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                 "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                   {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                 "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
                   "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "merges": [], "vocab": {%s}}}
                """.formatted(vocab));
        sentencePiece = HuggingFaceTokenizer.load(directory);
    }

    @AfterContainer
    static void close() {
        bytes.close();
        sentencePiece.close();
    }

    /** Any ids at all, so any bytes: joined pieces are the whole, and the whole is Java's own reading of the joined bytes. */
    @Property(tries = 2000, seed = "57")
    void joinedPiecesAreTheWholeForAnyIds(@ForAll @Size(max = 40) int[] picks) {
        for (HuggingFaceTokenizer tokenizer : new HuggingFaceTokenizer[] {bytes, sentencePiece}) {
            int[] ids = IntStream.of(picks).map(pick -> Math.floorMod(pick, tokenizer.vocabSize())).toArray();
            assertThat(joined(tokenizer.decoder(), ids)).isEqualTo(tokenizer.decode(ids));
        }
    }

    @Property(tries = 2000, seed = "58")
    void rawBytesToo(@ForAll @Size(max = 40) byte[] raw) {
        int[] ids = new int[raw.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = 1 + (raw[i] & 0xFF);
        }
        String whole = new String(raw, StandardCharsets.UTF_8);
        assertThat(joined(bytes.decoder(), ids)).isEqualTo(whole);
        assertThat(bytes.decode(ids)).isEqualTo(whole);
    }

    @Property(tries = 2000, seed = "59")
    void validTextComesWithoutReplacementAndWithoutHalves(@ForAll String text) {
        String valid = HuggingFaceTokenizer.withoutLoneSurrogates(text).replace("\uFFFD", "").replace("▁", "");
        for (HuggingFaceTokenizer tokenizer : new HuggingFaceTokenizer[] {bytes, sentencePiece}) {
            StreamingDecoder decoder = tokenizer.decoder();
            StringBuilder out = new StringBuilder();
            for (int id : tokenizer.encode(valid)) {
                String piece = decoder.next(id);
                assertThat(piece).doesNotContain("\uFFFD");
                assertThat(HuggingFaceTokenizer.withoutLoneSurrogates(piece)).isEqualTo(piece);
                out.append(piece);
            }
            assertThat(out.toString()).isEqualTo(valid);
            assertThat(decoder.flush()).isEmpty();
        }
    }

    @Property(tries = 1)
    void flushGivesTheRestAndStartsAnew() {
        StreamingDecoder decoder = sentencePiece.decoder();
        assertThat(decoder.next(259)).isEqualTo("a");
        assertThat(decoder.next(0xE4)).isEmpty();
        assertThat(decoder.next(0xB8)).isEmpty();
        assertThat(decoder.flush()).isEqualTo("\uFFFD");
        assertThat(decoder.next(259)).isEqualTo("a");
        assertThat(decoder.next(259)).isEqualTo(" a");
        assertThat(sentencePiece.decoderAfter(new int[] {257, 260}).next(259)).isEqualTo(" a");
    }

    private static String joined(StreamingDecoder decoder, int[] ids) {
        StringBuilder out = new StringBuilder();
        for (int id : ids) {
            out.append(decoder.next(id));
        }
        return out.append(decoder.flush()).toString();
    }
}
