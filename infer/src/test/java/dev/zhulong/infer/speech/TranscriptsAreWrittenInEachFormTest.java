package dev.zhulong.infer.speech;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.infer.speech.Transcript.Decision;
import dev.zhulong.infer.speech.Transcript.Segment;
import dev.zhulong.infer.speech.TranscriptFormat.Doubtful;
import java.util.List;
import org.junit.jupiter.api.Test;

class TranscriptsAreWrittenInEachFormTest {
    private static Segment segment(double start, double end, String text, Decision decision) {
        return new Segment(start, end, text, List.of(65), decision, decision == Decision.KEPT ? List.of() : List.of("a reason"), 0, -0.25, 1.5, 0.125);
    }

    private static final Transcript TRANSCRIPT = new Transcript(3725, "en", 0.75, false, List.of(segment(0, 1.5, " One --> <two> & three.", Decision.KEPT),
            segment(1.5, 2, " noise", Decision.LEFT_OUT), segment(3661.25, 3662.999, " Four.", Decision.DOUBTED)));

    @Test
    void text() {
        assertThat(TranscriptFormat.TEXT.write(TRANSCRIPT, Doubtful.MARK)).isEqualTo("One --> <two> & three.\n[?] Four.\n");
        assertThat(TranscriptFormat.TEXT.write(TRANSCRIPT, Doubtful.KEEP)).isEqualTo("One --> <two> & three.\nFour.\n");
        assertThat(TranscriptFormat.TEXT.write(TRANSCRIPT, Doubtful.DROP)).isEqualTo("One --> <two> & three.\n");
    }

    /** An arrow would be taken for a line of times. */
    @Test
    void srt() {
        assertThat(TranscriptFormat.SRT.write(TRANSCRIPT, Doubtful.MARK)).isEqualTo("""
                1
                00:00:00,000 --> 00:00:01,500
                One -> <two> & three.

                2
                01:01:01,250 --> 01:01:02,999
                [?] Four.

                """);
    }

    /** What is markup there is escaped. */
    @Test
    void vtt() {
        assertThat(TranscriptFormat.VTT.write(TRANSCRIPT, Doubtful.DROP)).isEqualTo("""
                WEBVTT

                00:00:00.000 --> 00:00:01.500
                One --&gt; &lt;two&gt; &amp; three.

                """);
    }

    @Test
    void json() throws Exception {
        JsonNode json = new ObjectMapper().readTree(TranscriptFormat.JSON.write(TRANSCRIPT, Doubtful.DROP));
        assertThat(json.path("text").asText()).isEqualTo("One --> <two> & three. Four.");
        assertThat(json.path("segments")).hasSize(3);
        assertThat(json.path("segments").path(1).path("decision").asText()).isEqualTo("left_out");
        assertThat(json.path("segments").path(2).path("reasons").path(0).asText()).isEqualTo("a reason");
        assertThat(json.path("segments").path(0).path("avg_logprob").asDouble()).isEqualTo(-0.25);
    }
}
