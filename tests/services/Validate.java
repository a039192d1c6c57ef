import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.enumerations.SubIndication;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.pades.validation.PDFDocumentValidator;
import eu.europa.esig.dss.pdf.IPdfObjFactory;
import eu.europa.esig.dss.pdf.ServiceLoaderPdfObjFactory;
import eu.europa.esig.dss.pdf.modifications.DefaultPdfDifferencesFinder;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads paths of PDFs from standard input, a line each; prints what EU DSS says of each as a line of JSON.
 *  The arguments are files of trusted certificates, and revocation lists (.crl) that are at hand.
 *  Nothing is fetched from the network. */
public class Validate {
    public static void main(String[] roots) throws Exception {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        List<String> lists = new ArrayList<>();
        for (String root : roots) {
            if (root.endsWith(".crl")) {
                lists.add(root);
            } else {
                trusted.addCertificate(DSSUtils.loadCertificate(new File(root)));
            }
        }
        BufferedReader names =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String name = names.readLine(); name != null; name = names.readLine()) {
            System.out.println(judged(name, trusted, lists));
            System.out.flush();
        }
    }

    private static String judged(
            String name, CommonTrustedCertificateSource trusted, List<String> lists) {
        try {
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(trusted);
            verifier.setAIASource(null);
            if (!lists.isEmpty()) {
                InputStream[] opened = new InputStream[lists.size()];
                for (int i = 0; i < opened.length; i++) {
                    opened[i] = new FileInputStream(lists.get(i));
                }
                verifier.setCrlSource(new ExternalResourcesCRLSource(opened));
            }
            SignedDocumentValidator validator =
                    SignedDocumentValidator.fromDocument(new FileDocument(name));
            validator.setCertificateVerifier(verifier);
            if (validator instanceof PDFDocumentValidator pdf) {
                // Pages are not drawn and compared by eye: it takes a second a file and changes no indication
                DefaultPdfDifferencesFinder finder = new DefaultPdfDifferencesFinder();
                finder.setMaximalPagesAmountForVisualComparison(0);
                IPdfObjFactory factory = new ServiceLoaderPdfObjFactory();
                factory.setPdfDifferencesFinder(finder);
                pdf.setPdfObjFactory(factory);
            }
            Reports reports = validator.validateDocument();
            SimpleReport simple = reports.getSimpleReport();
            List<String> signatures = new ArrayList<>();
            for (String id : simple.getSignatureIdList()) {
                var diagnostic = reports.getDiagnosticData().getSignatureById(id);
                SubIndication sub = simple.getSubIndication(id);
                Indication indication = simple.getIndication(id);
                signatures.add(object(
                        "indication", text(indication.name()),
                        "sub", text(sub == null ? "" : sub.name()),
                        "signer", text(simple.getSignedBy(id)),
                        "level", text(String.valueOf(simple.getSignatureFormat(id))),
                        "field", text(String.valueOf(diagnostic.getFirstFieldName())),
                        "intact", String.valueOf(
                                diagnostic.isSignatureIntact() && references(diagnostic)),
                        "errors", text(String.valueOf(simple.getAdESValidationErrors(id).stream()
                                .map(error -> error.getValue()).toList())),
                        "warnings", text(String.valueOf(simple.getAdESValidationWarnings(id).stream()
                                .map(warning -> warning.getValue()).toList()))));
            }
            return object("file", text(name), "error", text(""),
                    "signatures", "[" + String.join(",", signatures) + "]");
        } catch (Exception | StackOverflowError error) {
            return object("file", text(name), "error", text(String.valueOf(error)), "signatures", "[]");
        }
    }

    private static boolean references(
            eu.europa.esig.dss.diagnostic.SignatureWrapper signature) {
        return signature.getDigestMatchers().stream()
                .allMatch(matcher -> matcher.isDataFound() && matcher.isDataIntact());
    }

    private static String object(String... pairs) {
        List<String> parts = new ArrayList<>();
        for (int i = 0; i < pairs.length; i += 2) {
            parts.add(text(pairs[i]) + ":" + pairs[i + 1]);
        }
        return "{" + String.join(",", parts) + "}";
    }

    private static String text(String value) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : String.valueOf(value).toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20 || c > 0x7e) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
