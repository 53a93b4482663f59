// The way of a school, by the client that openapi-generator makes of the document.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import rollcall.ApiClient;
import rollcall.ApiException;
import rollcall.api.*;
import rollcall.model.*;

public class Walk {
    private static final String PASSWORD = "seven green ducks 7";
    private static String baseUrl;

    private static ApiClient anonymous() {
        ApiClient client = new ApiClient();
        client.updateBaseUri(baseUrl);
        return client;
    }

    private static ApiClient signedIn(String accessToken) {
        ApiClient client = anonymous();
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + accessToken));
        return client;
    }

    private static String register(String email, String username) throws ApiException {
        RegisterRequest body = new RegisterRequest().email(email).password(PASSWORD).username(username);
        return new SigningInApi(anonymous()).registerAccount(body, null).getAccessToken();
    }

    // The client takes text/csv for JSON, and cannot read it.
    private static String text(String accessToken, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(baseUrl + path))
                .header("Authorization", "Bearer " + accessToken)
                .build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    private static void require(boolean holds, Object found) {
        if (!holds) {
            throw new AssertionError(found);
        }
    }

    public static void main(String[] arguments) throws Exception {
        baseUrl = arguments[0];
        String accessToken = register("ann@java.example", "Ann");
        ApiClient admin = signedIn(accessToken);
        CreateOrganizationRequest create =
                new CreateOrganizationRequest().name("Hill Road School").kind(OrganizationKind.SCHOOL);
        var school = new OrganizationsApi(admin).createOrganization(create, null).getId();

        Path people = Files.createTempFile("people", ".csv");
        Files.writeString(people, "email,password,username\nbob@java.example,,Bob\n");
        ImportsApi imports = new ImportsApi(admin);
        var latest = imports.createImport(
                school, AccountType.STUDENT, people.toFile(), null, null, null, true, List.of(), null, null, null, null, null);
        Files.delete(people);
        while (latest.getFinishedAt() == null) {
            Thread.sleep(200);
            latest = imports.getImport(school, latest.getId());
        }
        require(latest.getCounts().getCreated() == 1, latest);

        String userlist = text(accessToken, "/v1/organizations/" + school + "/imports/" + latest.getId() + "/userlist.csv");
        String given = userlist.lines().skip(1).findFirst().orElseThrow().split(",")[2];
        LoginRequest login = new LoginRequest().email("bob@java.example").password(given);
        Tokens tokens = new SigningInApi(anonymous()).login(login);
        MyMembershipList memberships = new MyAccountApi(signedIn(tokens.getAccessToken())).listMyMemberships();
        require(memberships.getItems().get(0).getOrganization().getId().equals(school), memberships);

        CreateInvitationsRequest invitation = new CreateInvitationsRequest()
                .emails(List.of("eve@java.example"))
                .accountType(AccountType.STUDENT);
        InvitationResults invited = new InvitationsApi(admin).createInvitations(school, invitation, null);
        require(invited.getResults().size() == 1, invited);

        String code = new InviteCodesApi(admin).getInviteCode(school).getCode();
        ApiClient joiner = signedIn(register("joe@java.example", "Joe"));
        Joined joined = new JoiningByACodeApi(joiner).redeemInviteCode(new InviteCodeRequest().code(code), null);
        require(joined.getOutcome() == CodeOutcome.JOINED, joined);

        var page = MembersApi.APIListMembersRequest.newBuilder().organizationId(school).build();
        Set<String> members = new MembersApi(admin)
                .listMembers(page).getItems().stream().map(Member::getEmail).collect(Collectors.toSet());
        require(members.containsAll(List.of("ann@java.example", "bob@java.example", "joe@java.example")), members);

        try {
            new SigningInApi(anonymous()).login(new LoginRequest().email("ann@java.example").password("wrong"));
            throw new AssertionError("a wrong password was taken");
        } catch (ApiException refused) {
            require(refused.getCode() == 401, refused);
            require(refused.getResponseBody().contains("\"wrong_credentials\""), refused);
        }
    }
}
