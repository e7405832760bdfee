package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.function.Function;

/**
 * Drops documents that look unlike text worth reading: {@link ProseQuality} or {@link CodeQuality}, as the profile of the document says.
 */
public record Quality(ProseThresholds words, ProseThresholds characters, CodeThresholds code, Function<Document, Profile> profile)
        implements CleaningStep {

    public Quality() {
        this(Profile::of);
    }

    public Quality(Function<Document, Profile> profile) {
        this(ProseThresholds.words(), ProseThresholds.characters(), CodeThresholds.defaults(), profile);
    }

    @Override
    public String name() {
        return "quality";
    }

    @Override
    public Decision apply(Document document) {
        String reason = profile.apply(document) == Profile.CODE
                ? CodeQuality.complaint(document.text(), code)
                : ProseQuality.complaint(document.text(), words, characters);
        return reason == null ? new Decision.Keep(document, null) : new Decision.Drop(reason);
    }
}
